//! Writes the objects of Python's `datetime` module, as the calls that CPython's own pickler writes for them.

use std::str::FromStr;

use serde::ser::Serialize;

use super::python::{Offset, TimeDelta};
use super::write::Serializer;
use super::{Error, opcodes as op};

impl Serializer<'_> {
    /// Writes what an inner value, serialized as text, stands for.
    pub(super) fn marked<T, V>(
        &mut self,
        inner: &T,
        write: impl FnOnce(&mut Self, V) -> Result<(), Error>,
    ) -> Result<(), Error>
    where
        T: ?Sized + Serialize,
        V: FromStr<Err = larder_io_core::Error>,
    {
        let start = self.out.len();
        self.layer(inner)?;
        let text = match self.out.get(start..) {
            Some([op::SHORT_BINUNICODE, _, text @ ..]) => str::from_utf8(text).ok(),
            _ => None,
        };
        let value = text
            .ok_or_else(|| Error::new("a Python date or time must be made of its ISO 8601 text"))?
            .parse();
        self.out.truncate(start);
        write(self, value?)
    }

    fn class(&mut self, name: &str) -> Result<(), Error> {
        self.text("datetime")?;
        self.text(name)?;
        self.put(op::STACK_GLOBAL, &[])
    }

    /// Writes the call that rebuilds an object of the `datetime` module from its state.
    pub(super) fn rebuilt(&mut self, class: &str, state: &[u8], offset: Option<Offset>) -> Result<(), Error> {
        self.class(class)?;
        self.bytes(state)?;
        match offset {
            Some(offset) => {
                self.class("timezone")?;
                self.time_delta(TimeDelta::from_micros(offset.micros().into())?)?;
                self.put(op::TUPLE1, &[op::REDUCE, op::TUPLE2, op::REDUCE])
            }
            None => self.put(op::TUPLE1, &[op::REDUCE]),
        }
    }

    pub(super) fn time_delta(&mut self, delta: TimeDelta) -> Result<(), Error> {
        self.class("timedelta")?;
        self.int(delta.days().into())?;
        self.int(delta.seconds().into())?;
        self.int(delta.microseconds().into())?;
        self.put(op::TUPLE3, &[op::REDUCE])
    }
}
