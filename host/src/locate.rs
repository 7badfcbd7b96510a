//! Where the default library is.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

/// Names another default library by its absolute path, for development.
pub const LIBRARY_VARIABLE: &str = "INPLACE_EXCHANGE_LIBRARY";

/// The default library of an addon in folder `addon`.
///
/// - `named` is the value of [`LIBRARY_VARIABLE`].
/// - `resources` is where the app's files are if it is packaged (`process.resourcesPath`). An addon in there ignores
///   `named`: whoever can set a variable must not be able to choose what a shipped app runs.
pub fn default_library(addon: &Path, named: Option<OsString>, resources: Option<&Path>) -> PathBuf {
    match named {
        Some(named) if !named.is_empty() && !resources.is_some_and(|resources| may_be_inside(addon, resources)) => {
            named.into()
        }
        _ => addon.join(libloading::library_filename("native_lib")),
    }
}

/// Whether a folder is within another, under whatever names: links, 8.3 names and another case lead to the same place.
/// SECURITY: it counts as inside if that cannot be told, as for a folder within an archive.
fn may_be_inside(folder: &Path, outer: &Path) -> bool {
    if folder.starts_with(outer) {
        return true; // as it is named, wherever a link in it leads
    }
    // Not by dunce: it leaves the prefix of a long Windows path as it is, and `\\?\C:\x` is not within `C:\`.
    match (folder.canonicalize(), outer.canonicalize()) {
        (Ok(real), Ok(outer)) => real.starts_with(outer),
        _ => true,
    }
}

/// The same path outside the archive that Electron packs an app into: the system's loader cannot look inside it, so
/// libraries are left beside it, in `app.asar.unpacked`.
pub fn unpacked(path: &Path) -> PathBuf {
    let outside = |part: Component<'_>| match part.as_os_str() {
        name if name == "app.asar" => OsString::from("app.asar.unpacked"),
        name => name.to_owned(),
    };
    path.components().map(outside).collect()
}

/// The path that a `file:` URL names, as Node writes it for a module.
pub fn path_of(url: &str) -> Option<PathBuf> {
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
        let root = std::env::temp_dir().join(format!("locate-{}", std::process::id()));
        let (resources, elsewhere) = (root.join("app/resources"), root.join("elsewhere"));
        let packed = resources.join("app.asar.unpacked/node_modules/inplace-exchange");
        for folder in [&packed, &elsewhere] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mine = Path::new("/mine.so");
        let is_told = |addon: &Path, resources: Option<&Path>| {
            let library = default_library(addon, Some(mine.into()), resources);
            assert!(library == mine || library == beside(addon.to_str().unwrap()));
            library == mine
        };
        assert!(is_told(&elsewhere, None));
        assert!(is_told(&elsewhere, Some(&resources)));
        assert!(!is_told(&packed, Some(&resources)));
        assert_eq!(
            default_library(&elsewhere, Some(OsString::new()), None),
            beside(elsewhere.to_str().unwrap())
        );

        // Under other names.
        let around = resources.join("..").join("resources");
        assert!(!is_told(&packed, Some(&around)));
        #[cfg(unix)]
        {
            let link = root.join("link");
            std::os::unix::fs::symlink(root.join("app"), &link).unwrap();
            assert!(!is_told(&packed, Some(&link.join("resources"))));
            let linked = link.join("resources/app.asar.unpacked/node_modules/inplace-exchange");
            assert!(!is_told(&linked, Some(&resources)));
            let out = resources.join("out");
            std::os::unix::fs::symlink(&elsewhere, &out).unwrap();
            assert!(!is_told(&out, Some(&resources)));
        }
        // Where it cannot be told.
        assert!(!is_told(&resources.join("app.asar/inplace-exchange"), Some(&resources)));
        assert!(!is_told(&elsewhere, Some(&root.join("missing"))));
        std::fs::remove_dir_all(root).unwrap();
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
