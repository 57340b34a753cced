//! Managers as they are: what one request's failure comes to.

use crate::run;
use crate::step::Step;
use crate::vendor;

macro_rules! steps {
    ($module:ident, $vendor:ident: $($name:ident $step:ident),* $(,)?) => {
        mod $module {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run::step(&vendor::$vendor, Step::$step).await;
            })*

            #[test]
            fn no_step_is_left_out() {
                let here = [$(Step::$step),*];
                let missing: Vec<_> = Step::ALL.into_iter().filter(|step| vendor::$vendor.has(*step) && !here.contains(step)).collect();
                assert!(missing.is_empty(), "{missing:?}");
            }
        }
    };
}

steps!(s3, S3:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    create Create, first_part FirstPart, last_part LastPart, put_receipt PutReceipt,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront, ranged_get RangedGet, get_receipt GetReceipt,
    head Head, list List, delete Delete,
);

steps!(gcs, GCS:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    create Create, first_part FirstPart, last_part LastPart, join Join,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront, ranged_get RangedGet,
    head Head, list List, delete Delete,
);

steps!(azure, AZURE:
    put Put, put_absent PutAbsent, put_unchanged PutUnchanged,
    first_part FirstPart, last_part LastPart,
    complete Complete, complete_absent CompleteAbsent, complete_unchanged CompleteUnchanged,
    get Get, get_front GetFront, ranged_get RangedGet,
    head Head, list List, delete Delete,
);
