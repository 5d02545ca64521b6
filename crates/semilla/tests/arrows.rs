//! The arrows of the house: no two source files of a crate import each other, by however long a way.
//!
//! Imports are read from the code as the compiler would: paths in `use` and in expressions are followed through re-exports to
//! the file that defines the name. A re-export by itself is no import: a facade may show what it does not use.
//! Modules under `#[cfg(test)]` are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree, Visibility};

/// A crate's modules, by their paths from the root.
struct Modules {
    all: BTreeMap<Vec<String>, Module>,
}

struct Module {
    file: PathBuf,
    /// Names that are defined here.
    items: BTreeSet<String>,
    /// Names that `use` brings in: the name, the path that it stands for, and whether it is only shown (`pub use`).
    uses: Vec<Use>,
    /// Paths within expressions and types.
    paths: BTreeSet<Vec<String>>,
    /// Every identifier outside of `use`.
    words: BTreeSet<String>,
    /// Identifiers within macros' calls, which may declare them.
    declared: BTreeSet<String>,
}

struct Use {
    name: String,
    path: Vec<String>,
    is_shown: bool,
}

#[test]
fn no_two_files_import_each_other() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut rings = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        for root in ["lib.rs", "main.rs"].map(|root| source.join(root)) {
            if root.is_file() {
                let imports = imports(&Modules::read(&root));
                files += imports.len();
                rings.extend(
                    components(&imports)
                        .into_iter()
                        .map(|ring| describe(&ring, &imports)),
                );
            }
        }
    }
    assert!(files > 50, "the crates' sources were not found");
    assert!(
        rings.is_empty(),
        "files import each other:\n{}",
        rings.join("\n")
    );
}

/// For each file the files that it imports from, with the names.
type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, BTreeSet<String>>>;

fn imports(modules: &Modules) -> Imports {
    let mut imports = Imports::new();
    for (path, module) in &modules.all {
        let own = imports.entry(module.file.clone()).or_default();
        let used = module
            .uses
            .iter()
            .filter(|used| !used.is_shown || module.words.contains(&used.name))
            .map(|used| &used.path);
        for target in used.chain(&module.paths) {
            let found = modules.resolve(path, target, 0);
            if let Some(file) = found.filter(|file| *file != module.file) {
                own.entry(file).or_default().extend(target.last().cloned());
            }
        }
    }
    imports
}

impl Modules {
    fn read(root: &Path) -> Self {
        let mut modules = Self {
            all: BTreeMap::new(),
        };
        modules.file(root, Vec::new(), root.parent().unwrap());
        modules
    }

    /// Reads a file that is the module `path`; its children lie in `folder`.
    fn file(&mut self, file: &Path, path: Vec<String>, folder: &Path) {
        let text = std::fs::read_to_string(file).unwrap();
        let parsed =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.module(file, path, folder, parsed.items);
    }

    fn module(&mut self, file: &Path, path: Vec<String>, folder: &Path, items: Vec<Item>) {
        let mut module = Module {
            file: file.to_owned(),
            items: BTreeSet::new(),
            uses: Vec::new(),
            paths: BTreeSet::new(),
            words: BTreeSet::new(),
            declared: BTreeSet::new(),
        };
        for item in items.into_iter().filter(|item| !is_test(item)) {
            match item {
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let path = [&path[..], std::slice::from_ref(&name)].concat();
                    let inner = folder.join(&name);
                    match child.content {
                        Some((_, items)) => self.module(file, path, &inner, items),
                        None => {
                            let flat = folder.join(format!("{name}.rs"));
                            let nested = inner.join("mod.rs");
                            let child = if flat.is_file() { flat } else { nested };
                            self.file(&child, path, &inner);
                        }
                    }
                }
                Item::Use(used) => {
                    let is_shown = !matches!(used.vis, Visibility::Inherited);
                    module.add_uses(&used.tree, Vec::new(), is_shown);
                }
                Item::Macro(call) if call.ident.is_none() => {
                    module.add_words(call.to_token_stream());
                    module.declared.extend(words(call.mac.tokens));
                }
                item => {
                    module.items.extend(name(&item));
                    module.add_words(item.to_token_stream());
                }
            }
        }
        self.all.insert(path, module);
    }

    /// The file that defines what a path of a module stands for; `None` for another crate's.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<PathBuf> {
        let mut place = from.to_vec();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => place.clear(),
                "self" => {}
                "super" => {
                    place.pop()?;
                }
                name => {
                    let module = self.all.get(&place)?;
                    let child = [&place[..], std::slice::from_ref(first)].concat();
                    if self.all.contains_key(&child) {
                        place = child;
                    } else if module.items.contains(name) {
                        return Some(module.file.clone());
                    } else if depth < 8 {
                        let named = module.uses.iter().find(|used| used.name == name);
                        if let Some(used) = named {
                            let path = [&used.path[..], others].concat();
                            return self.resolve(&place, &path, depth + 1);
                        }
                        let all = module.uses.iter().filter(|used| used.name == "*");
                        let mut found = all.filter_map(|used| {
                            let path = [&used.path[..], rest].concat();
                            self.resolve(&place, &path, depth + 1)
                        });
                        let declared = module.declared.contains(name);
                        return found.next().or(declared.then(|| module.file.clone()));
                    } else {
                        return None;
                    }
                }
            }
            rest = others;
        }
        // A module as such is no name of a file's: what is taken of it is.
        None
    }
}

impl Module {
    fn add_uses(&mut self, tree: &UseTree, mut path: Vec<String>, is_shown: bool) {
        match tree {
            UseTree::Path(next) => {
                path.push(next.ident.to_string());
                self.add_uses(&next.tree, path, is_shown);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_uses(tree, path.clone(), is_shown);
                }
            }
            UseTree::Name(end) if end.ident == "self" => {
                let name = path.last().cloned().unwrap_or_default();
                self.uses.push(Use {
                    name,
                    path,
                    is_shown,
                });
            }
            UseTree::Name(end) => {
                path.push(end.ident.to_string());
                let name = end.ident.to_string();
                self.uses.push(Use {
                    name,
                    path,
                    is_shown,
                });
            }
            UseTree::Rename(end) => {
                path.push(end.ident.to_string());
                let name = end.rename.to_string();
                self.uses.push(Use {
                    name,
                    path,
                    is_shown,
                });
            }
            UseTree::Glob(_) => self.uses.push(Use {
                name: "*".to_owned(),
                path,
                is_shown,
            }),
        }
    }

    /// Collects identifiers, and paths of two parts or more, at any depth; macros' bodies too.
    fn add_words(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(word) => {
                    if colons != 2 {
                        path.clear();
                    }
                    path.push(word.to_string());
                    colons = 0;
                    self.words.insert(word.to_string());
                    if path.len() > 1 {
                        self.paths.insert(path.clone());
                    }
                    continue;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.add_words(group.stream()),
                _ => {}
            }
            path.clear();
            colons = 0;
        }
    }
}

/// The identifiers at the top of a macro's call: names of what it declares stand there.
fn words(tokens: TokenStream) -> BTreeSet<String> {
    let words = tokens.into_iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    });
    words.collect()
}

fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.to_token_stream().to_string().contains("test")
    })
}

fn name(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        _ => return None,
    })
}

/// Files that reach each other: strongly connected components of two files or more.
fn components(imports: &Imports) -> Vec<BTreeSet<PathBuf>> {
    let reach = |from: &PathBuf| {
        let mut seen = BTreeSet::new();
        let mut left = vec![from.clone()];
        while let Some(file) = left.pop() {
            for next in imports.get(&file).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(next.clone()) {
                    left.push(next.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&PathBuf, BTreeSet<PathBuf>> =
        imports.keys().map(|file| (file, reach(file))).collect();
    let rings = imports
        .keys()
        .filter(|file| reached[file].contains(*file))
        .map(|file| {
            let both = reached[file]
                .iter()
                .filter(|other| reached[other].contains(file));
            both.cloned().collect::<BTreeSet<_>>()
        });
    rings.collect::<BTreeSet<_>>().into_iter().collect()
}

fn describe(ring: &BTreeSet<PathBuf>, imports: &Imports) -> String {
    let mut lines = Vec::new();
    for file in ring {
        for (other, names) in imports[file]
            .iter()
            .filter(|(other, _)| ring.contains(*other))
        {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!(
                "{} takes {} from {}",
                short(file),
                names.join(", "),
                short(other)
            ));
        }
    }
    lines.join("\n") + "\n"
}

fn short(file: &Path) -> String {
    let text = file.display().to_string();
    text.rsplit_once("../")
        .map_or(text.clone(), |(_, short)| short.to_owned())
}
