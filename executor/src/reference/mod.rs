//! Assets whose value lives elsewhere: what they point to is looked at when they are stored, and opened for those who take it.
//!
//! | module | owns |
//! |---|---|
//! | `targets` | which backend knows an address, and with which settings |
//! | `record` | looking at a target before its reference is stored |
//! | `follow` | from a reference to what it points to |
//! | `followed` | a table or a blob that was reached by a reference |

mod follow;
mod followed;
mod record;
mod targets;

pub(crate) use targets::Targets;

use crate::asset::InputSpec;
use crate::definitions::Stored;
use larder_io_core::{AssetKey, AssetValue, Form, Forms, Pin};

/// What somebody takes of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The reference itself; its target is not looked at.
    Itself,
    /// What it points to, in this form.
    Target(Form, Option<Pin>),
}

impl Wanted {
    pub(crate) fn by(input: &InputSpec) -> Self {
        Self::as_forms(input.refers, input.forms, input.pin)
    }

    pub(crate) fn as_type<T: AssetValue>() -> Self {
        Self::as_forms(T::refers(), T::forms(), None)
    }

    fn as_forms(refers: bool, forms: Forms, pin: Option<Pin>) -> Self {
        let target = [Form::Table, Form::Blob].into_iter().find(|form| forms.contains(*form));
        match target.filter(|_| !refers) {
            Some(form) => Self::Target(form, pin),
            None => Self::Itself,
        }
    }
}

/// Why an input cannot be made of what an asset is stored as; `None` where it can.
pub(crate) fn misfit(input: &InputSpec, key: &AssetKey, stored: &Stored) -> Option<String> {
    // `()` takes no value: it only waits for the other asset.
    if input.forms == Forms::of([Form::Nothing]) {
        return None;
    }
    // Asked of every input of every asset, and nearly always of no use: written only where it is told.
    let takes = || format!("takes `{}: {}`", input.argument, input.type_name);
    match (stored.refers, input.refers) {
        (true, false) if Wanted::by(input) == Wanted::Itself => Some(format!(
            "{}, but `{key}` is a reference to data elsewhere; take it as a `DataRef`, or what it points to as a `Table`, `LazyTable`, `TableStream` or `Blob`",
            takes()
        )),
        (true, _) => None,
        (false, true) => Some(format!(
            "{}, but `{key}` is no reference: it is stored as {}; take its own type",
            takes(),
            stored.form
        )),
        (false, false) if !input.forms.contains(stored.form) => Some(format!(
            "{}, a value of form {}, but `{key}` is stored as {}; change one of the types",
            takes(),
            input.forms,
            stored.form
        )),
        (false, false) => None,
    }
}
