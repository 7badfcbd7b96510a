//! The path of the default library.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

/// The environment variable that names another default library by its absolute path, for development.
pub const LIBRARY_VARIABLE: &str = "INPLACE_EXCHANGE_LIBRARY";

/// The default library of an addon in folder `addon`.
///
/// - `named` is the value of [`LIBRARY_VARIABLE`].
/// - `resources` is the folder of the app's files if it is packaged (`process.resourcesPath`). An addon in this folder
///   ignores `named`: someone who can set a variable must not be able to choose what a shipped app runs.
pub fn default_library(addon: &Path, named: Option<OsString>, resources: Option<&Path>) -> PathBuf {
    match named {
        Some(named) if !named.is_empty() && !resources.is_some_and(|resources| may_be_inside(addon, resources)) => {
            named.into()
        }
        _ => addon.join(libloading::library_filename("native_lib")),
    }
}

/// Whether a folder is inside another, under any of its names: a link, an 8.3 name or another case leads to the same
/// folder.
/// SECURITY: true if this cannot be found out, as for a folder inside an archive.
fn may_be_inside(folder: &Path, outer: &Path) -> bool {
    if folder.starts_with(outer) {
        return true; // by its name, even if a link in the path leads elsewhere
    }
    // Without dunce, which keeps the prefix of a long Windows path: `\\?\C:\x` would not be inside `C:\`.
    match (folder.canonicalize(), outer.canonicalize()) {
        (Ok(real), Ok(outer)) => real.starts_with(outer),
        _ => true,
    }
}

/// Replaces `app.asar` in a path by `app.asar.unpacked`: the system's loader cannot read the archive that Electron
/// packs an app into, so libraries are unpacked beside it.
pub fn unpacked(path: &Path) -> PathBuf {
    let outside = |part: Component<'_>| match part.as_os_str() {
        name if name == "app.asar" => OsString::from("app.asar.unpacked"),
        name => name.to_owned(),
    };
    path.components().map(outside).collect()
}

/// The path of a `file:` URL, as Node.js writes it for a module.
pub fn path_of(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file://")?;
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        // On Unix, a path is bytes of any encoding.
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
    fn the_default_library_is_beside_the_addon() {
        assert_eq!(default_library(Path::new("/app"), None, None), beside("/app"));
        assert_eq!(
            default_library(Path::new("/app"), None, Some(Path::new("/electron/resources"))),
            beside("/app")
        );
    }

    #[test]
    fn the_variable_names_another_library_unless_the_app_is_packaged() {
        let root = std::env::temp_dir().join(format!("locate-{}", std::process::id()));
        let (resources, elsewhere) = (root.join("app/resources"), root.join("elsewhere"));
        let packed = resources.join("app.asar.unpacked/node_modules/inplace-exchange");
        for folder in [&packed, &elsewhere] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let mine = Path::new("/mine.so");
        let follows_variable = |addon: &Path, resources: Option<&Path>| {
            let library = default_library(addon, Some(mine.into()), resources);
            assert!(library == mine || library == beside(addon.to_str().unwrap()));
            library == mine
        };
        assert!(follows_variable(&elsewhere, None));
        assert!(follows_variable(&elsewhere, Some(&resources)));
        assert!(!follows_variable(&packed, Some(&resources)));
        assert_eq!(
            default_library(&elsewhere, Some(OsString::new()), None),
            beside(elsewhere.to_str().unwrap())
        );

        // The same folder under other names.
        let around = resources.join("..").join("resources");
        assert!(!follows_variable(&packed, Some(&around)));
        #[cfg(unix)]
        {
            let link = root.join("link");
            std::os::unix::fs::symlink(root.join("app"), &link).unwrap();
            assert!(!follows_variable(&packed, Some(&link.join("resources"))));
            let linked = link.join("resources/app.asar.unpacked/node_modules/inplace-exchange");
            assert!(!follows_variable(&linked, Some(&resources)));
            let out = resources.join("out");
            std::os::unix::fs::symlink(&elsewhere, &out).unwrap();
            assert!(!follows_variable(&out, Some(&resources)));
        }
        // Whether the addon is inside cannot be found out.
        assert!(!follows_variable(
            &resources.join("app.asar/inplace-exchange"),
            Some(&resources)
        ));
        assert!(!follows_variable(&elsewhere, Some(&root.join("missing"))));
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_path_inside_an_archive_becomes_a_path_beside_it() {
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
