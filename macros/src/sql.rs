//! Files with queries, compiled in.

use proc_macro2::TokenStream;
use quote::quote;
use std::path::{Path, PathBuf};
use syn::{Error, LitStr, Result};

/// The queries of a folder of the package, as assets.
pub(crate) fn sql_assets(input: TokenStream) -> TokenStream {
    match written(input) {
        Ok(tokens) => tokens,
        Err(error) => error.into_compile_error(),
    }
}

fn written(input: TokenStream) -> Result<TokenStream> {
    let folder: LitStr = syn::parse2(input)?;
    let wrong = |message: String| Error::new(folder.span(), message);
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    let value = folder.value();
    if value.starts_with('/') {
        return Err(wrong(
            "the folder is below that of Cargo.toml: write it without the first `/`".to_owned(),
        ));
    }
    let name = value.trim_end_matches('/');
    let root = package.join(name);
    let mut files = Vec::new();
    walk(&root, &mut files)
        .map_err(|error| wrong(format!("the folder `{}` cannot be read: {error}", root.display())))?;
    files.sort();
    if files.is_empty() {
        return Err(wrong(format!(
            "there is no file that ends in .sql in `{}`",
            root.display()
        )));
    }
    let mut assets = Vec::with_capacity(files.len());
    for file in files {
        let below = file.strip_prefix(&root).unwrap_or(&file);
        let text = |path: &Path| {
            path.components()
                .map(|part| part.as_os_str().to_str())
                .collect::<Option<Vec<_>>>()
                .map(|parts| parts.join("/"))
                .ok_or_else(|| wrong(format!("the name of `{}` is no Unicode", path.display())))
        };
        let key = text(&below.with_extension(""))?;
        let path = format!("{name}/{}", text(below)?);
        let inside = format!("/{path}");
        assets.push(quote! {
            ::larder::Asset::sql_file(
                #key,
                #path,
                ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), #inside)),
            )
        });
    }
    Ok(quote! { ::std::vec![#(#assets),*] })
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link to a folder may lead back to here.
        if entry.file_type()?.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    Ok(())
}
