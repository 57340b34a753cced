//! Assets in modules, in functions and behind `cfg`; visibility follows the function.
#![deny(warnings)]

use larder::prelude::*;

mod raw {
    pub mod deep {
        use larder::prelude::*;

        #[asset(group = "raw")]
        pub async fn flights() -> Result<String> {
            Ok(String::new())
        }
    }

    #[larder::asset]
    pub(crate) fn airlines() -> String {
        String::new()
    }
}

#[asset(uses(raw::deep::flights, self::raw::airlines))]
#[cfg(not(any()))]
async fn joined(flights: String, airlines: String) -> String {
    flights + &airlines
}

#[asset]
#[cfg(any())]
async fn joined() -> Missing {}

macro_rules! numbered {
    ($name:ident, $type:ty, $value:expr) => {
        #[asset]
        fn $name() -> $type {
            $value
        }
    };
}
numbered!(one, u8, 1);
numbered!(two, Result<u8>, Ok(2));

fn main() {
    #[asset]
    fn local() -> u8 {
        1
    }
    assert_eq!(
        assets![raw::deep::flights, raw::airlines, joined, one, two, local].len(),
        6
    );
    assert_eq!(one() + two().expect("is a number") + local(), 4);
}
