//! The opcodes by which a pickle names classes and has them called.

use super::opcodes as op;
use super::read::Machine;
use super::reduce::{Class, refused};
use super::value::{Node, node};
use super::{Error, shown};

impl Machine<'_> {
    pub(super) fn step_object(&mut self, opcode: u8) -> Result<(), Error> {
        match opcode {
            op::GLOBAL => {
                let class = Class::find(self.input.text_line()?, self.input.text_line()?)?;
                self.push(Node::Class(class))
            }
            op::STACK_GLOBAL => {
                let name = self.pop()?;
                let module = self.pop()?;
                match (node(&self.nodes, module), node(&self.nodes, name)) {
                    (Some(Node::Str(module)), Some(Node::Str(name))) => {
                        let class = Class::find(module, name)?;
                        self.push(Node::Class(class))
                    }
                    _ => Err(Error::new("it names a class by something other than text")),
                }
            }
            op::REDUCE => {
                let args = self.pop()?;
                let class = self.pop_class()?;
                match node(&self.nodes, args) {
                    Some(Node::Tuple(args)) => {
                        let value = class.call(args, &self.nodes, &mut self.budget)?;
                        self.push(value)
                    }
                    _ => Err(Error::new(format!(
                        "it calls `{}` with something other than a tuple",
                        class.name()
                    ))),
                }
            }
            op::INST => {
                let class = Class::find(self.input.text_line()?, self.input.text_line()?)?;
                let args = self.pop_mark()?;
                let value = class.call(&args, &self.nodes, &mut self.budget)?;
                self.push(value)
            }
            op::OBJ => {
                let args = self.pop_mark()?;
                match args
                    .split_first()
                    .and_then(|(class, args)| Some((node(&self.nodes, *class)?, args)))
                {
                    Some((Node::Class(class), args)) => {
                        let value = class.call(args, &self.nodes, &mut self.budget)?;
                        self.push(value)
                    }
                    _ => Err(Error::new("it calls something that is not a class")),
                }
            }
            // What these make skips the checks of the class, and no pickler writes them for plain data.
            op::NEWOBJ | op::NEWOBJ_EX => {
                for _ in 0..if opcode == op::NEWOBJ { 1 } else { 2 } {
                    self.pop()?;
                }
                let class = self.pop_class()?;
                Err(refused(&format!("`{}.__new__`", class.name())))
            }
            op::BUILD => {
                let state = self.pop()?;
                let kind = self.top_node()?.kind();
                match node(&self.nodes, state) {
                    Some(Node::None) => Ok(()),
                    Some(Node::Dict(state)) if state.is_empty() => Ok(()),
                    _ => Err(refused(&format!("to set the state of a `{kind}`"))),
                }
            }
            op::EXT1 => self.input.byte().and_then(|code| Err(extension(code.into()))),
            op::EXT2 => self.input.u16().and_then(|code| Err(extension(code.into()))),
            op::EXT4 => self.input.u32().and_then(|code| Err(extension(code))),
            op::PERSID => {
                let id = self.input.text_line()?;
                Err(refused(&format!(
                    "the object that a program keeps under the persistent id `{}`",
                    shown(id)
                )))
            }
            op::BINPERSID => Err(refused("an object that a program keeps under a persistent id")),
            op::NEXT_BUFFER | op::READONLY_BUFFER => Err(refused("a buffer that is not in the pickle")),
            other => Err(Error::new(format!("0x{other:02x} is no pickle opcode"))),
        }
    }

    fn pop_class(&mut self) -> Result<Class, Error> {
        let id = self.pop()?;
        match node(&self.nodes, id) {
            Some(Node::Class(class)) => Ok(*class),
            Some(other) => Err(Error::new(format!("it calls a {}, which is not a class", other.kind()))),
            None => Err(Error::new("it calls something that is not there")),
        }
    }
}

fn extension(code: u32) -> Error {
    refused(&format!(
        "the class that a program registered under the extension code {code}"
    ))
}
