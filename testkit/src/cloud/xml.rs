//! XML in answers and requests.

use super::content::Content;
use super::error::Reason;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use std::fmt::Write;

/// Writes a document.
pub(super) struct Xml {
    text: String,
    open: Vec<&'static str>,
}

impl Xml {
    /// Begins with the root element, which may carry attributes.
    pub(super) fn new(root: &'static str, attributes: &[(&str, &str)]) -> Self {
        let mut text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root}");
        for (name, value) in attributes {
            let _ = write!(text, " {name}=\"{}\"", escape(value));
        }
        text.push('>');
        Self { text, open: vec![root] }
    }

    pub(super) fn open(&mut self, name: &'static str) -> &mut Self {
        let _ = write!(self.text, "<{name}>");
        self.open.push(name);
        self
    }

    pub(super) fn close(&mut self) -> &mut Self {
        if let Some(name) = self.open.pop() {
            let _ = write!(self.text, "</{name}>");
        }
        self
    }

    pub(super) fn text(&mut self, name: &str, value: impl ToString) -> &mut Self {
        let _ = write!(self.text, "<{name}>{}</{name}>", escape(&value.to_string()));
        self
    }

    pub(super) fn text_if(&mut self, name: &str, value: Option<impl ToString>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn finish(&mut self) -> Content {
        while !self.open.is_empty() {
            self.close();
        }
        std::mem::take(&mut self.text).into_bytes().into()
    }
}

pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => {
                let _ = write!(escaped, "&#x{:X};", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// An element of a request's body.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) children: Vec<Self>,
}

impl Node {
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.children.iter().find(|child| child.name == name);
        found.map(|child| child.text.as_str())
    }
}

/// Reads the root element. Space between elements is in their text; nothing is trimmed, because keys may begin with it.
pub(super) fn parse(body: &Content) -> Result<Node, Reason> {
    let text = body.text();
    let mut reader = Reader::from_str(&text);
    let mut stack = vec![Node::default()];
    let named = |name: quick_xml::name::QName<'_>| Node {
        name: String::from_utf8_lossy(name.local_name().as_ref()).into_owned(),
        ..Node::default()
    };
    loop {
        let event = reader.read_event().map_err(|_| Reason::Malformed)?;
        let last = stack.last_mut().ok_or(Reason::Malformed)?;
        match event {
            Event::Start(start) => stack.push(named(start.name())),
            Event::Empty(start) => last.children.push(named(start.name())),
            Event::Text(part) => last.text.push_str(&part.decode().map_err(|_| Reason::Malformed)?),
            Event::CData(part) => last.text.push_str(&part.decode().map_err(|_| Reason::Malformed)?),
            Event::GeneralRef(reference) => {
                if let Some(c) = reference.resolve_char_ref().map_err(|_| Reason::Malformed)? {
                    last.text.push(c);
                } else {
                    let name = reference.decode().map_err(|_| Reason::Malformed)?;
                    last.text
                        .push_str(resolve_predefined_entity(&name).ok_or(Reason::Malformed)?);
                }
            }
            Event::End(_) => {
                let done = stack.pop().ok_or(Reason::Malformed)?;
                stack.last_mut().ok_or(Reason::Malformed)?.children.push(done);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut top = stack.pop().ok_or(Reason::Malformed)?;
    match (stack.is_empty(), top.children.pop()) {
        (true, Some(root)) => Ok(root),
        _ => Err(Reason::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let odd = " a<b>&\"'\u{1}\r\n é ";
        let mut xml = Xml::new("Delete", &[("xmlns", "x&y")]);
        xml.open("Object").text("Key", odd).close().text("Quiet", true);
        let root = parse(&xml.finish()).expect("well-formed");
        assert_eq!((root.name.as_str(), root.get("Quiet")), ("Delete", Some("true")));
        let keys: Vec<_> = root.all("Object").filter_map(|object| object.get("Key")).collect();
        assert_eq!(keys, [odd]);
        for wrong in ["", "<a>", "<a></b>", "<a>&nope;</a>", "text"] {
            assert!(parse(&wrong.as_bytes().to_vec().into()).is_err(), "{wrong}");
        }
    }
}
