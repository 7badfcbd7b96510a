//! Where the default library is.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

/// Names another default library by its absolute path, for development.
pub(crate) const LIBRARY_VARIABLE: &str = "INPLACE_EXCHANGE_LIBRARY";

/// The default library of an addon in folder `addon`.
///
/// - `named` is the value of [`LIBRARY_VARIABLE`].
/// - `resources` is where the app's files are if it is packaged (`process.resourcesPath`). An addon in there ignores
///   `named`: whoever can set a variable must not be able to choose what a shipped app runs.
pub(crate) fn default_library(addon: &Path, named: Option<OsString>, resources: Option<&Path>) -> PathBuf {
    let packaged = resources.is_some_and(|resources| addon.starts_with(resources));
    match named {
        Some(named) if !packaged && !named.is_empty() => named.into(),
        _ => addon.join(libloading::library_filename("native_lib")),
    }
}

/// The same path outside the archive that Electron packs an app into: the system's loader cannot look inside it, so
/// libraries are left beside it, in `app.asar.unpacked`.
pub(crate) fn unpacked(path: &Path) -> PathBuf {
    let outside = |part: Component<'_>| match part.as_os_str() {
        name if name == "app.asar" => OsString::from("app.asar.unpacked"),
        name => name.to_owned(),
    };
    path.components().map(outside).collect()
}

/// The path that a `file:` URL names, as Node writes it for a module.
pub(crate) fn path_of(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file://")?;
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        // A path is bytes here, of any encoding.
        Some(OsString::from_vec(percent_decode_str(rest).collect()).into())
    }
    #[cfg(windows)]
    {
        // file:///C:/folder is a drive, file://server/share a network share.
        let path = percent_decode_str(rest).decode_utf8().ok()?.replace('/', "\\");
        Some(
            path.strip_prefix('\\')
                .map_or_else(|| format!("\\\\{path}"), str::to_owned)
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(folder: &str) -> PathBuf {
        Path::new(folder).join(libloading::library_filename("native_lib"))
    }

    #[test]
    fn stands_beside_the_addon() {
        assert_eq!(default_library(Path::new("/app"), None, None), beside("/app"));
        assert_eq!(
            default_library(Path::new("/app"), None, Some(Path::new("/electron/resources"))),
            beside("/app")
        );
    }

    #[test]
    fn a_variable_names_another_one_until_the_app_is_packaged() {
        let named = || Some(OsString::from("/mine.so"));
        let resources = Some(Path::new("/opt/app/resources"));
        assert_eq!(default_library(Path::new("/app"), named(), None), Path::new("/mine.so"));
        assert_eq!(
            default_library(Path::new("/app"), named(), resources),
            Path::new("/mine.so")
        );
        assert_eq!(
            default_library(Path::new("/app"), Some(OsString::new()), None),
            beside("/app")
        );
        let packed = "/opt/app/resources/app.asar.unpacked/node_modules/inplace-exchange";
        assert_eq!(default_library(Path::new(packed), named(), resources), beside(packed));
    }

    #[test]
    fn what_is_in_an_archive_is_looked_for_beside_it() {
        let inside = Path::new("/opt/app/resources/app.asar/node_modules/x/libx.so");
        let outside = Path::new("/opt/app/resources/app.asar.unpacked/node_modules/x/libx.so");
        assert_eq!(unpacked(inside), outside);
        assert_eq!(unpacked(outside), outside);
        assert_eq!(unpacked(Path::new("/my.app.asar/x")), Path::new("/my.app.asar/x"));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_url_is_a_path() {
        assert_eq!(path_of("file:///app/x.node").unwrap(), Path::new("/app/x.node"));
        assert_eq!(
            path_of("file:///a%20b/%25/%C3%A9.node").unwrap(),
            Path::new("/a b/%/é.node")
        );
        assert_eq!(path_of("x.node"), None);
        assert_eq!(path_of(""), None);
    }
}
