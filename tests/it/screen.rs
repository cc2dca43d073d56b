//! Journeys: keys typed into the real app on a test terminal, then a look at the picture.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use crate::common::{Entry, ImageBuilder, Shape, dir, file, folder, gone, hardlink, image, look, symlink};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use explore::compare::{CompareOptions, compare};
use explore::image::Image;
use explore::inspect::Inspection;
use explore::source::Target;
use explore::tui::{App, Effect, Keymap, Msg, Pair, Preferences, Theme, Worker, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

pub(crate) struct Explorer {
    app: App,
    terminal: Terminal<TestBackend>,
    worker: Worker,
    /// What was asked for outside, work left away.
    effects: Vec<Effect>,
    /// The image is there as long as it is looked at.
    #[allow(dead_code, reason = "it goes away with the test")]
    folder: Option<crate::common::Folder>,
}

impl Explorer {
    fn empty(width: u16, height: u16) -> Self {
        Self::with(width, height, Preferences::default())
    }

    fn with(width: u16, height: u16, preferences: Preferences) -> Self {
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let app = App::new("demo.tar".to_owned(), preferences);
        let mut explorer = Self { app, terminal, worker: Worker::default(), effects: Vec::new(), folder: None };
        explorer.send(Msg::Terminal(Event::Resize(width, height)));
        explorer
    }

    /// Sends a message, and does what is asked for because of it.
    fn send(&mut self, msg: Msg) {
        let mut waiting = self.app.update(msg);
        while let Some(effect) = waiting.pop() {
            match effect {
                Effect::Work(job) => {
                    let answer = self.worker.perform(job, &AtomicBool::new(false)).expect("nobody stops it");
                    waiting.extend(self.app.update(answer));
                }
                other => self.effects.push(other),
            }
        }
    }

    /// With an image that was read.
    pub(crate) fn ready(found: Inspection, width: u16, height: u16) -> Self {
        let mut explorer = Self::empty(width, height);
        explorer.send(Msg::Ready(Box::new(found)));
        explorer
    }

    pub(crate) fn of_file(path: &Path, width: u16, height: u16) -> Self {
        let mut explorer = Self::empty(width, height);
        explorer.worker = Worker::new(Target::parse(path.as_os_str()).unwrap());
        explorer.send(Msg::Ready(Box::new(look(path))));
        explorer
    }

    /// Reads a file as the loop would, with what comes of it: an image or an error.
    pub(crate) fn opening(path: &Path, width: u16, height: u16) -> Self {
        let mut explorer = Self::empty(width, height);
        let target = Target::parse(path.as_os_str()).unwrap();
        let read = explore::inspect::inspect(&target, &explore::inspect::Options::default(), &mut |_| true);
        explorer.send(match read {
            Ok(found) => Msg::Ready(Box::new(found)),
            Err(error) => Msg::Failed(error),
        });
        explorer
    }

    /// What was opened last: what to type for it, and the platform.
    pub(crate) fn opened(&mut self) -> (String, Option<String>) {
        match self.effects.pop() {
            Some(Effect::Open(name, platform, _)) => (name, platform),
            other => panic!("nothing was opened: {other:?}"),
        }
    }

    pub(crate) fn of(built: &ImageBuilder, width: u16, height: u16) -> Self {
        let folder = crate::common::folder();
        let path = folder.write("image.tar", &built.save(Shape::Docker));
        Self { folder: Some(folder), ..Self::of_file(&path, width, height) }
    }

    fn demo(width: u16, height: u16) -> Self {
        Self::of_file(&demo(), width, height)
    }

    /// Types letters, and names of keys in angle brackets.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for word in keys.split_whitespace() {
            if let Some(letter) = word.strip_prefix("<alt+").and_then(|word| word.chars().next()) {
                let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::ALT);
                self.send(Msg::Terminal(Event::Key(key)));
                continue;
            }
            let (name, control) = match word.strip_prefix("<ctrl+") {
                Some(name) => (name.trim_end_matches('>'), true),
                None => (word, false),
            };
            let code = match name {
                "<tab>" => KeyCode::Tab,
                "<enter>" => KeyCode::Enter,
                "<esc>" => KeyCode::Esc,
                "<space>" | "space" => KeyCode::Char(' '),
                "<back>" => KeyCode::Backspace,
                "<right>" => KeyCode::Right,
                "<left>" => KeyCode::Left,
                "<down>" => KeyCode::Down,
                "<up>" => KeyCode::Up,
                "<home>" => KeyCode::Home,
                "<end>" => KeyCode::End,
                "<pgdn>" => KeyCode::PageDown,
                "<pgup>" => KeyCode::PageUp,
                letters => {
                    for letter in letters.chars() {
                        let modifiers = if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                        self.send(Msg::Terminal(Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers))));
                    }
                    continue;
                }
            };
            let modifiers = if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            self.send(Msg::Terminal(Event::Key(KeyEvent::new(code, modifiers))));
        }
        self
    }

    fn mouse(&mut self, kind: MouseEventKind, column: u16, row: u16) -> &mut Self {
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        self.send(Msg::Terminal(Event::Mouse(event)));
        self
    }

    pub(crate) fn click(&mut self, column: u16, row: u16) -> &mut Self {
        self.mouse(MouseEventKind::Down(MouseButton::Left), column, row);
        self.mouse(MouseEventKind::Up(MouseButton::Left), column, row)
    }

    pub(crate) fn right_click(&mut self, column: u16, row: u16) -> &mut Self {
        self.mouse(MouseEventKind::Down(MouseButton::Right), column, row)
    }

    pub(crate) fn paste(&mut self, text: &str) {
        self.send(Msg::Terminal(Event::Paste(text.to_owned())));
    }

    /// The text of the selected row: the one in reversed colours below the header.
    pub(crate) fn selected(&mut self) -> String {
        self.draw();
        let buffer = self.terminal.backend().buffer();
        let row = (1..buffer.area.height - 1).find(|row| {
            let reversed = |column| buffer[(column, *row)].modifier.contains(Modifier::REVERSED);
            (0..buffer.area.width).filter(|column| reversed(*column)).count() > 10
        });
        let row = row.expect("a row is selected");
        (0..buffer.area.width).map(|column| buffer[(column, row)].symbol()).collect()
    }

    /// Where some text begins on the screen.
    pub(crate) fn place_of(&mut self, text: &str) -> (u16, u16) {
        let screen = self.screen();
        let row = screen.lines().position(|line| line.contains(text));
        let row = row.unwrap_or_else(|| panic!("no {text} in:\n{screen}"));
        let line: String = screen.lines().nth(row).unwrap().trim_start_matches('"').to_owned();
        let column = line[..line.find(text).unwrap()].chars().count();
        (column as u16, row as u16)
    }

    fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
        self.send(Msg::Terminal(Event::Resize(width, height)));
    }

    fn draw(&mut self) {
        self.terminal.draw(|frame| draw(&self.app, frame)).unwrap();
    }

    pub(crate) fn screen(&mut self) -> String {
        self.draw();
        self.terminal.backend().to_string()
    }

    pub(crate) fn shows(&mut self, text: &str) -> &mut Self {
        let screen = self.screen();
        assert!(screen.contains(text), "no `{text}` in:\n{screen}");
        self
    }

    pub(crate) fn hides(&mut self, text: &str) -> &mut Self {
        let screen = self.screen();
        assert!(!screen.contains(text), "`{text}` is in:\n{screen}");
        self
    }

    pub(crate) fn has_quit(&self) -> bool {
        self.effects.iter().any(|effect| matches!(effect, Effect::Quit))
    }

    pub(crate) fn copied(&mut self) -> String {
        match self.effects.pop() {
            Some(Effect::Copy(text)) => text,
            other => panic!("nothing was copied: {other:?}"),
        }
    }
}

pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar")
}

/// An image in which one file lives through everything that can happen to one.
fn eventful() -> ImageBuilder {
    let config = |text: &str| file("etc/app.conf", text);
    image()
        .layer([dir("etc"), config("one\n"), dir("usr/bin"), file("usr/bin/tool", vec![b'x'; 3000]).mode(0o755)])
        .layer([config("two\n").mtime(1_700_000_100)])
        .layer([config("two\n").mode(0o600)])
        .layer([gone("etc/app.conf"), symlink("usr/bin/alias", "tool"), hardlink("usr/bin/same", "usr/bin/tool")])
        .layer([config("four\n"), file("srv/data/only/deep.bin", vec![0; 5000])])
}

#[test]
fn every_screen_of_the_demo() {
    for (width, height) in [(80, 24), (160, 45)] {
        let shot = |name: &str, keys: &str| {
            let mut explorer = Explorer::demo(width, height);
            explorer.keys(keys);
            insta::assert_snapshot!(format!("{name}_{width}x{height}"), explorer.screen());
        };
        shot("layers", "jj");
        shot("files", "jjjjjjjj <tab> jj");
        shot("details", "j <tab> <tab>");
        shot("waste", "2 j");
        shot("waste_by_rule", "2 s g");
        shot("map", "3 G");
        shot("image", "4 j");
        shot("help", "?");
        shot("filter", "G / s r v");
        shot("jump", "G <ctrl+p> l i b s s l");
        shot("history", "jjjjjjj <tab> G b");
        shot("view", "G <tab> a / motd <enter> j <enter>");
        shot("copy", "2 y");
        shot("save", "jj <tab> j x");
    }
}

#[test]
fn cause_and_fix_can_be_read_to_their_end_in_any_terminal() {
    // Both panes, the list alone, the details alone.
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("2").shows("Tab for more").keys("<tab> G").shows("2 files").keys("<esc>").shows("Tab for more");
    let mut explorer = Explorer::demo(45, 12);
    explorer.keys("2").hides("+ RUN").keys("<tab>").shows("+ RUN").keys("<tab> j").hides("+ RUN");
    // Keys of the files are none here.
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("2 <tab> / x a").shows("The change").keys("y 1");
    assert!(explorer.copied().starts_with("RUN apt-get update"));
    explorer.keys("1").shows("Changes of layer 0").hides("/ x");
    let (x, y) = (20, 20);
    Explorer::demo(80, 24).keys("2").mouse(MouseEventKind::ScrollDown, x, y).shows("wasted 251 kB = ");
}

#[test]
fn bytes_are_searched_from_the_screen_on() {
    let mut content = vec![0_u8; 4096];
    for at in [0, 1600, 3200 + 9] {
        content[at..at + 3].copy_from_slice(b"abc");
    }
    let mut explorer = Explorer::of(&image().layer([file("bin", content)]), 100, 20);
    explorer
        .keys("<tab> v <pgdn> <pgdn> <pgdn> / a")
        .shows("00000640  61 62 63")
        .keys("b c")
        .shows("00000640  61 62 63");
    explorer.keys("<enter> n").shows("00000c80").keys("n").shows("00000000  61 62 63").keys("N").shows("00000c80");
}

#[test]
fn ctrl_c_leads_out_whatever_settings_say() {
    let keys = Keymap::with([("quit", Vec::new())]).unwrap();
    let mut explorer = Explorer::with(80, 24, Preferences { keys, ..Preferences::default() });
    explorer.send(Msg::Ready(Box::new(look(&demo()))));
    explorer.keys("q");
    assert!(!explorer.has_quit());
    explorer.keys("<ctrl+c>");
    assert!(explorer.has_quit());
}

#[test]
fn from_the_layer_that_deletes_to_what_it_deleted() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("jjjjjjjj <tab> jjjj").shows("- ").shows("lists/");
    explorer.keys("a").shows("All files after layer 8").shows("lists/");
    // What was removed can be hidden, and shown again.
    explorer.keys("-").hides("lists/").shows("hidden: -").keys("-").shows("lists/");
}

#[test]
fn from_the_largest_waste_to_its_file() {
    let mut explorer = Explorer::demo(80, 24);
    explorer
        .keys("2")
        .shows("6 +     && apt-get install -y python3 curl")
        .shows("8 +     && rm -rf /var/lib/apt/lists");
    explorer.keys("j").shows("+ COPY --chown=www-data:www-data . .");
    explorer.keys("<enter>").shows("Changes of layer 7").shows("libssl.so.3");
    explorer.keys("w <left>").shows("Changes of layer 7");
    // By rule: what fixing all of it would save.
    explorer.keys("w s g").shows("Fixing all of it saves 70 kB on disk.");
    explorer.keys("s").shows("grouped by layer").keys("g").shows("▾ Layer 0");
    // A group folds, and its head says how much is in it.
    explorer.keys("<space>").shows("▸ Layer 0").keys("<enter>").shows("▾ Layer 0");
}

#[test]
fn folding_and_unfolding() {
    let mut explorer = Explorer::demo(150, 40);
    explorer.keys("j <tab>").shows("▾ + lib/apt/lists/").keys("c").shows("main_Packages");
    explorer.keys("g <space>").hides("main_Packages").shows("▸ ~ var/");
    // What was folded stays folded when the layer is left and met again.
    explorer.keys("<tab> <tab> jk").hides("main_Packages");
    explorer.keys("<right> <right>").shows("▾   var/");
    explorer.keys("<end> <left> <left>").shows("▸ + lists/");
    explorer.keys("z").hides("lib/ ").shows("▸ ~ var/");
    // One level more never folds anything, whatever was unfolded before.
    explorer.keys(">").shows("▸ + lib/").hides("apt/ ");
    explorer.keys("> > >").shows("main_Packages").keys(">").shows("main_Packages");
    explorer.keys("<").hides("main_Packages").shows("▸ + lists/");
    explorer.keys("Z").shows("main_Packages");
    // Folders with one folder only share its row.
    explorer.keys("<tab> <tab> k <tab> c Z").shows("share/doc/bash/").keys("c Z").shows("▾ + doc/");
}

#[test]
fn each_change_has_its_sign() {
    let mut explorer = Explorer::of(&eventful(), 100, 30);
    explorer.keys("<tab>").shows("+").keys("]").shows("Changes of layer 1");
    // The sign stands directly before the name, in the pane behind 42 columns and the quotation mark.
    let row = |explorer: &mut Explorer, name: &str| {
        let screen = explorer.screen();
        let panes = screen.lines().map(|line| line.chars().skip(43).collect::<String>());
        let line = panes.into_iter().find(|line| line.contains(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in:\n{screen}"));
        line[..line.find(name).unwrap()].chars().rev().nth(1).unwrap()
    };
    assert_eq!(row(&mut explorer, "app.conf"), '~');
    explorer.keys("]");
    assert_eq!(row(&mut explorer, "app.conf"), '@', "{}", explorer.screen());
    explorer.keys("]");
    assert_eq!(row(&mut explorer, "app.conf"), '-');
    explorer.shows("alias → tool").shows("same = usr/bin/tool");
    // The state after the layer shows what is unchanged without a sign.
    explorer.keys("a");
    assert_eq!(row(&mut explorer, "alias"), '+');
    assert_eq!(row(&mut explorer, " tool"), ' ');
    let screen = explorer.screen();
    assert!(screen.lines().any(|line| line.contains("   tool") && line.contains("3 kB")), "{screen}");
}

#[test]
fn a_stretch_of_layers_is_shown_as_one_change() {
    let mut explorer = Explorer::of(&eventful(), 100, 30);
    explorer.keys("j <space> j").shows("Changes of layers 1 to 2").shows("1 to 2 as one change");
    explorer
        .shows("joined into one layer they would save 4")
        .shows("+0  ~1  -0")
        .shows("8 B of files in all of them")
        .shows("1: RUN step 1");
    explorer.keys("<esc>").shows("Changes of layer 2");
    // From the first layer on: what dive calls aggregated.
    explorer.keys("G <ctrl+a>").shows("Changes of layers 0 to 4").keys("<ctrl+l>").shows("Changes of layer 4");
}

#[test]
fn filters_take_what_people_type() {
    let built = image()
        .layer([
            file("usr/lib/libssl.so.3", vec![1; 20_000]),
            file("usr/lib/libcrypto.so.3", vec![2; 2_000_000]),
            file("usr/share/doc/README", "x").mode(0o755),
            file("etc/Config.yaml", "a: 1"),
            dir("var/cache"),
        ])
        .layer([gone("etc/Config.yaml"), file("usr/share/doc/README", "y")]);
    for (keys, there, not_there) in [
        ("ssl", &["libssl.so.3"][..], &["libcrypto", "README"][..]),
        ("*.so.*", &["libssl.so.3", "libcrypto.so.3"], &["README"]),
        ("lib/*crypto*", &["libcrypto.so.3"], &["libssl"]),
        ("re:^/usr/(lib|share)/.*3$", &["libssl.so.3", "libcrypto.so.3"], &["README"]),
        (">1MB", &["libcrypto.so.3"], &["libssl", "README"]),
        ("<30kB", &["libssl.so.3", "README", "Config"], &["libcrypto"]),
        ("!so", &["README", "Config.yaml"], &["libssl"]),
        ("config", &["Config.yaml"], &["README"]),
        ("CONFIG", &[], &["Config.yaml"]),
        ("is:exec", &["README"], &["libssl"]),
        ("is:dir", &["cache"], &["README"]),
        ("so space >1MB", &["libcrypto.so.3"], &["libssl"]),
    ] {
        let mut explorer = Explorer::of(&built, 140, 30);
        explorer.keys(&format!("/ {keys}"));
        for text in there {
            explorer.shows(text);
        }
        for text in not_there {
            // The layers' commands speak of no file.
            explorer.hides(&format!("+ {text}"));
        }
        explorer.keys("<esc>").shows("libcrypto.so.3").hides("found,");
    }
    // By change, in a layer that has several.
    let mut explorer = Explorer::of(&built, 140, 30);
    explorer.keys("j / is:removed").shows("Config.yaml").hides("README").shows("1 found");
    // What can't be read is told, and the last good filter stays.
    explorer.keys("space re:(").shows("not a valid regex: unclosed group").shows("Config.yaml");
    explorer.resize(80, 24);
    explorer.keys("<ctrl+c> / >10XB").shows("`10XB` is not a size").keys("<ctrl+c> / is:foo").shows("is: takes added");
    explorer.resize(140, 30);
    explorer.keys("<ctrl+c> / nowhere").shows("nothing here matches the filter");
    // Letters that are added narrow what was found; those that are taken back widen it.
    explorer.keys("<ctrl+c> a / l i b c").shows("libcrypto").hides("libssl").keys("<back>").shows("libssl").keys("xx");
    explorer.shows("0 found").keys("<back> <back> <back> <back> <back> ssl").shows("libssl").hides("libcrypto");
    explorer.keys("<ctrl+c> a");
    // Kept with Enter: keys are keys again.
    explorer.keys("<ctrl+c> / READ <enter> j").shows("/ READ").shows("README").keys("<esc>").hides("/ READ");
}

#[test]
fn going_to_a_path_by_some_of_its_letters() {
    let mut explorer = Explorer::demo(100, 30);
    explorer.keys("<ctrl+p> ldsocache").shows("/etc/ld.so.cache").shows("Find in all layers");
    explorer.keys("<enter>").hides("Find in all layers").shows("ld.so.cache");
    // It is in no change of the layer, so all files are shown, and the cursor is on it.
    explorer.keys("b").shows("History of /etc/ld.so.cache");
    explorer.keys("<esc> <ctrl+p> zzzzqqq").shows("no layer stores a path like this").keys("<esc>");
    // Letter by letter the same is found as at once, also when one is taken back or a word turned round.
    let found = |explorer: &mut Explorer| {
        let screen = explorer.screen();
        let rows = screen.lines().filter(|line| line.contains("there") || line.contains(" in ")).map(str::to_owned);
        let rows = rows.collect::<Vec<_>>();
        explorer.keys("<esc>");
        rows
    };
    for (by_letter, at_once) in [
        ("l i b s", "libs"),
        ("l i x <back> b", "lib"),
        ("l i b space ! s s l", "lib space !ssl"),
        ("l i space s o", "li space so"),
    ] {
        let one = found(explorer.keys(&format!("<ctrl+p> {by_letter}")));
        explorer.keys("<ctrl+p>").send(Msg::Terminal(Event::Paste(at_once.replace(" space ", " "))));
        assert_eq!(one, found(&mut explorer), "{by_letter}");
        assert!(!one.is_empty(), "{by_letter}");
    }
    // Pasted text is typed.
    explorer.keys("<ctrl+p>").send(Msg::Terminal(Event::Paste("/usr/bin/curl\nrm -rf /".to_owned())));
    explorer.shows("> /usr/bin/curl").keys("<enter> b").shows("History of /usr/bin/curl");
}

#[test]
fn the_history_of_a_path_tells_every_event() {
    let mut explorer = Explorer::of(&eventful(), 120, 30);
    explorer.keys("<ctrl+p> appconf <enter> b").shows("History of /etc/app.conf");
    let screen = explorer.screen();
    let events: Vec<&str> = screen
        .lines()
        .filter_map(|line| {
            ["added", "changed", "touched", "removed"].into_iter().find(|word| line.contains(&format!(" {word} ")))
        })
        .collect();
    assert_eq!(events, ["added", "changed", "touched", "removed", "added"], "{screen}");
    assert!(screen.contains("-rw-------"), "{screen}");
    // Enter goes to the layer, with the path selected.
    explorer.keys("g jj <enter>").shows("Changes of layer 2").shows("app.conf");
}

#[test]
fn a_device_has_its_numbers_in_the_tree_and_in_its_history() {
    let null = |minor: u32| {
        let mut header = tar::Header::new_ustar();
        header.set_path("dev/null").unwrap();
        header.set_entry_type(tar::EntryType::Char);
        header.set_size(0);
        header.set_device_major(1).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        [&header.as_bytes()[..], &[0; 1024]].concat()
    };
    let mut explorer = Explorer::of(&image().tar(null(3)).tar(null(5)), 120, 30);
    explorer
        .shows("null 1:3")
        .keys("j")
        .shows("null 1:5")
        .keys("<tab> E / null <enter> b")
        .shows("History of /dev/null");
    explorer.shows("1:3  added").shows("1:5  changed");
}

#[test]
fn files_are_looked_into_at_any_layer() {
    let mut explorer = Explorer::of(&eventful(), 100, 20);
    // The file as the layer has it that takes it away: what was there below.
    explorer.keys("jjj / app.conf <enter> <down> <enter>").shows("/etc/app.conf  after layer 2").shows("1 two");
    explorer
        .shows("version 3 of 4")
        .keys("[")
        .shows("1 two")
        .keys("[")
        .shows("1 one")
        .keys("[")
        .shows("no earlier version");
    explorer.keys("] ] ]").shows("1 four").shows("after layer 4").keys("]").shows("no later version");
    // As bytes, and back.
    explorer.keys("<tab>").shows("66 6f 75 72 0a").shows("four.").keys("<tab>").shows("1 four");
    explorer.keys("q").hides("after layer 4").shows("Changes of layer 3");
    // A binary file is bytes from the start.
    explorer.keys("<esc> <esc> G <ctrl+p> deepbin <enter> v").shows("00000000  00 00 00").shows("binary");
}

#[test]
fn searching_in_a_file() {
    let lines = (0..500).map(|n| format!("line {n}{}", if n % 100 == 77 { " needle" } else { "" }));
    let text = lines.collect::<Vec<_>>().join("\n") + "\n";
    let mut explorer = Explorer::of(&image().layer([file("log", text)]), 80, 20);
    explorer.keys("<tab> v").shows("1 line 0").keys("/ needle").shows("line 77 needle");
    explorer.keys("<enter> n").shows("line 177 needle").keys("nnn n").shows("line 77 needle");
    explorer
        .keys("N")
        .shows("line 477 needle")
        .keys("/ nothere <enter>")
        .shows("`nothere` is not in the part that was read");
    explorer.keys("G").shows("500 line 499").keys("g <pgdn>").shows("line 16");
}

#[test]
fn links_lead_to_files_andfolders_have_no_content() {
    let built = image().layer([
        file("srv/real", "through the link"),
        symlink("srv/link", "real"),
        symlink("srv/lost", "nowhere"),
        crate::common::fifo("srv/pipe"),
    ]);
    let mut explorer = Explorer::of(&built, 100, 20);
    explorer.keys("<tab> / link <enter> j v").shows("through the link").shows("a link to /srv/real").keys("q");
    explorer.keys("<esc> / lost <enter> j v").shows("the link leads nowhere");
    explorer.keys("<esc> / pipe <enter> j v").shows("has no content");
}

#[test]
fn saving_afolder_from_a_layer_where_it_is_gone_later() {
    let mut explorer = Explorer::of(&eventful(), 100, 30);
    let into = folder();
    explorer.keys("jjj <tab>");
    explorer.keys("/ app.conf <enter> j x").shows("as app.conf, as of layer 2");
    explorer.send(Msg::Terminal(Event::Paste(into.path().display().to_string())));
    explorer.keys("<enter>").shows("saved ");
    assert_eq!(std::fs::read_to_string(into.path().join("app.conf")).unwrap(), "two\n");
    // A place that is not there is told.
    explorer.keys("x");
    explorer.send(Msg::Terminal(Event::Paste("/nowhere/at/all".to_owned())));
    explorer.keys("<enter>").shows("nothing can be saved to /nowhere/at/all");
}

#[test]
fn copying_what_is_wanted() {
    let mut explorer = Explorer::demo(120, 30);
    explorer.keys("jj y").shows("instruction").shows("diff ID").keys("<enter>");
    assert_eq!(explorer.copied(), "RUN apt-get install -y python3 curl");
    explorer.keys("y 2");
    assert!(explorer.copied().starts_with("sha256:"));
    explorer.keys("2 y 1");
    assert!(explorer.copied().starts_with("RUN apt-get update && apt-get install -y python3 curl && rm -rf"));
    explorer.keys("1 <tab> y <enter>");
    assert_eq!(explorer.copied(), "/usr");
    explorer.keys("4 y <enter>");
    assert!(explorer.copied().starts_with("sha256:"));
}

#[test]
fn walking_into_the_map() {
    let built = image().layer([
        file("opt/large/a.bin", vec![1; 600_000]),
        file("opt/large/b.bin", vec![2; 200_000]),
        file("opt/small", vec![3; 1000]),
        file("etc/conf", vec![4; 150_000]),
        dir("empty"),
    ]);
    let mut explorer = Explorer::of(&built, 80, 24);
    explorer.keys("3").shows("opt/ 801 kB").shows("etc/").shows("(1 without bytes are not shown)");
    explorer
        .keys("<enter> <enter>")
        .shows("/opt/large/  800 kB")
        .shows("a.bin 600 kB")
        .shows("75.0 % of the directory");
    explorer.keys("<right>").shows("/opt/large/b.bin");
    // A file leads to the tree, Esc out again, with the folder selected that one came from.
    explorer.keys("<esc>").shows("/opt  ".trim_end()).shows("/opt/large  800 kB");
    explorer.keys("<esc> <esc>").shows("Changes of layer 0");
    explorer.keys("3 <enter> <enter> <enter>").shows("Changes of layer 0").shows("a.bin");
}

#[test]
fn the_mouse_selects_opens_scrolls_and_drags() {
    let mut explorer = Explorer::demo(100, 30);
    let (x, y) = explorer.place_of("pip install");
    explorer.click(x, y).shows("Changes of layer 5");
    let (x, y) = explorer.place_of("2 Waste");
    explorer.click(x, y).shows("The change");
    // A second click on the same row opens it.
    let (x, y) = explorer.place_of("pip-cache");
    explorer
        .click(x, y)
        .shows("+ RUN pip install -r requirements.txt && rm -rf /root/.cache/pip")
        .click(x, y)
        .shows("Changes of layer 5");
    let divider = |explorer: &mut Explorer| explorer.place_of("┏ Changes").0;
    let before = divider(&mut explorer);
    explorer.mouse(MouseEventKind::Down(MouseButton::Left), before, 5);
    explorer.mouse(MouseEventKind::Drag(MouseButton::Left), before + 20, 5);
    explorer.mouse(MouseEventKind::Up(MouseButton::Left), before + 20, 5);
    assert_eq!(divider(&mut explorer), before + 20);
    // The wheel scrolls what it is over, not what has the keys.
    let mut small = Explorer::demo(100, 12);
    small.shows(" 0 ").mouse(MouseEventKind::ScrollDown, 5, 5).hides("ADD file:");
    small.keys("m").shows("the mouse is released");
    assert!(matches!(small.effects.last(), Some(Effect::Mouse(false))));
}

#[test]
fn sorting_by_size_and_change() {
    let built = image().layer([file("a/one", vec![1; 10]), file("b", vec![1; 5000]), file("c", vec![1; 300])]);
    let order = |explorer: &mut Explorer| {
        let screen = explorer.screen();
        let mut places: Vec<_> =
            ["+ a/", "+ one ", "+ b ", "+ c "].iter().filter_map(|name| Some((screen.find(name)?, *name))).collect();
        places.sort_unstable();
        places.into_iter().map(|(_, name)| name[2..].trim()).collect::<Vec<_>>()
    };
    let mut explorer = Explorer::of(&built, 80, 24);
    explorer.keys("<tab> Z G");
    assert_eq!(order(&mut explorer), ["b", "c", "a/", "one"]);
    explorer.shows("4 of 4").keys("s").shows("sorted by change").keys("s").shows("sorted by name");
    assert_eq!(order(&mut explorer), ["a/", "one", "b", "c"]);
    // What comes first now is seen, wherever the cursor was.
    explorer.shows("1 of 4").keys("G s").shows("sorted by size").keys("<down>").shows("2 of 4");
}

/// Two images on the screen, as `explore diff` has them.
pub(crate) fn pair_of(before: &ImageBuilder, after: &ImageBuilder, width: u16, height: u16) -> Explorer {
    let folder = folder();
    let [a, b] = [("before.tar", before), ("after.tar", after)]
        .map(|(name, built)| folder.write(name, &built.save(Shape::Docker)));
    let places = [&a, &b].map(|path| Target::parse(path.as_os_str()).unwrap());
    let (first, second) = (look(&a), look(&b));
    let comparison =
        compare((&places[0], &first), (&places[1], &second), CompareOptions::default()).expect("both can be read");
    let mut explorer = Explorer::empty(width, height);
    explorer.folder = Some(folder);
    explorer.send(Msg::Pair(Box::new(Pair { before: first.into(), after: second.into(), places, comparison })));
    explorer
}

#[test]
fn two_images_side_by_side() {
    let base = [dir("etc"), file("etc/motd", "one"), file("opt/old", vec![1; 4000])];
    let rows =
        |last: &str| serde_json::json!([{"created_by": "RUN base"}, {"created_by": "RUN lists"}, {"created_by": last}]);
    let before = image()
        .name("app:1")
        .run(serde_json::json!({"Env": ["A=1"]}))
        .layer(&base)
        .layer([file("var/lib/apt/lists/x", vec![1; 50_000])])
        .layer([file("srv/app", "same")])
        .history(rows("RUN app"));
    let after = image()
        .name("app:2")
        .run(serde_json::json!({"Env": ["A=2"]}))
        .layer(&base)
        .layer([file("var/lib/apt/lists/x", vec![1; 90_000])])
        .layer([file("etc/motd", "three"), file("srv/app", "same").mode(0o600), gone("opt/old")])
        .history(rows("RUN app two"));
    for (width, height) in [(80, 24), (160, 45)] {
        let mut explorer = pair_of(&before, &after, width, height);
        explorer.shows("app:1 → app:2").shows("What differs in B, app:2").shows("Layers (3 and 3)");
        insta::assert_snapshot!(format!("pair_{width}x{height}"), explorer.keys("j").screen());
        insta::assert_snapshot!(format!("pair_waste_{width}x{height}"), explorer.keys("2").screen());
        insta::assert_snapshot!(format!("pair_images_{width}x{height}"), explorer.keys("4").screen());
    }
    let mut explorer = pair_of(&before, &after, 120, 40);
    explorer.keys("<tab> / motd <enter> j").shows("content").keys("v").shows("in app:2").shows("1 three");
    explorer.keys("[").shows("in app:1").shows("1 one").keys("q <esc>");
    explorer.keys("/ app <enter> j").shows("mode 0644 -> 0600");
    // What is gone is seen, and saved, as the first image has it.
    let into = crate::common::folder();
    explorer.keys("<esc> <tab> <tab> / old <enter> j x");
    explorer.send(Msg::Terminal(Event::Paste(into.path().display().to_string())));
    explorer.keys("<enter>").shows("saved ");
    assert_eq!(std::fs::read(into.path().join("old")).unwrap().len(), 4000);
    explorer.keys("b").shows("two images have no common history");
    // A finding leads to its path, settings that differ are told.
    explorer.keys("2 <enter>").shows("lists/").keys("4").shows("- 1").shows("+ 2");
    explorer.keys("3").shows("what B has that A has not").keys("m T ? q q");
    assert!(explorer.has_quit());
    // Nothing differs.
    pair_of(&before, &before, 80, 24).shows("no path differs").keys("2").shows("the same in both images");
}

#[test]
fn before_anything_is_read_the_names_are_there() {
    let mut explorer = Explorer::empty(80, 24);
    explorer.shows("opening");
    let image: Image = look(&demo()).image;
    explorer.send(Msg::Image(Box::new(image)));
    explorer.send(Msg::Progress("reading 1 MB of 2 MB".to_owned(), Some(500)));
    explorer.shows("apt-get upda").shows("reading 1 MB of 2 MB").shows("50 %");
    // Layers show their size as they come.
    explorer.send(Msg::Layer { layer: 1, bytes: 70_000 });
    explorer.shows("70 kB      apt-get upda").shows("…      apt-get inst");
    // Keys work meanwhile, and the selection stays where it was put.
    explorer.keys("jj").shows("Layer 2");
    explorer.keys("/").shows("nothing to filter yet");
    explorer.send(Msg::Stacked(Box::new(look(&demo()))));
    explorer.shows("Changes of layer 2");
    explorer.send(Msg::Ready(Box::new(look(&demo()))));
    explorer.shows("Changes of layer 2").shows("wasted");
}

#[test]
fn esc_stops_reading_and_nothing_else() {
    let mut explorer = Explorer::empty(80, 24);
    explorer.keys("<esc>");
    assert!(explorer.has_quit(), "while it reads");
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("<esc> <esc>").shows("q quits");
    assert!(!explorer.has_quit());
    explorer.keys("q");
    assert!(explorer.has_quit());
}

#[test]
fn help_shows_every_key_and_narrows() {
    let mut explorer = Explorer::demo(140, 120);
    explorer.keys("?");
    for (binding, _) in Keymap::default().rows() {
        explorer.shows(binding.help);
    }
    explorer.keys("history").shows("the path's history through the layers").hides("a page down");
    explorer.keys("xyzzy").shows("no key, sign or word matches").keys("<esc>").shows("a page down");
    explorer.keys("q").hides("a page down");
    assert!(!explorer.has_quit(), "q closes the help first");
}

#[test]
fn keys_can_be_other_ones() {
    let keys = Keymap::with([("quit", vec!["X".to_owned()]), ("waste", vec!["f5".to_owned()])]).unwrap();
    let mut explorer = Explorer::with(80, 24, Preferences { keys, ..Preferences::default() });
    explorer.send(Msg::Ready(Box::new(look(&demo()))));
    explorer.keys("q w");
    assert!(!explorer.has_quit());
    explorer.shows("X quit").keys("X");
    assert!(explorer.has_quit());
}

/// The table of keys in docs/keys.md; `INSTA_UPDATE=always` writes it anew, as it does with snapshots.
#[test]
fn the_guide_lists_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let mut table = "| in | key | what it does |\n|---|---|---|\n".to_owned();
    for (binding, keys) in Keymap::default().rows() {
        let places: Vec<String> = binding.places.iter().map(|place| format!("{place:?}").to_lowercase()).collect();
        table = format!("{table}| {} | `{keys}` | {} |\n", places.join(", "), binding.help);
    }
    let start = page.find("| in | key |").unwrap();
    let end = start + page[start..].find("\n\n").map_or(page.len() - start, |end| end + 1);
    if std::env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        std::fs::write(&path, format!("{}{table}{}", &page[..start], &page[end..])).unwrap();
    } else {
        assert_eq!(&page[start..end], table);
    }
}

#[test]
fn colours_have_a_sign_beside_them() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("jjjjjjjj <tab> G");
    explorer.screen();
    let buffer = explorer.terminal.backend().buffer().clone();
    let mut removed = 0;
    for row in 0..24 {
        for column in 37..80 {
            let cell = &buffer[(column, row)];
            if cell.fg == Color::Red {
                removed += 1;
                let first = (36..80).map(|column| buffer[(column, row)].symbol()).find(|symbol| *symbol == "-");
                assert!(first.is_some(), "row {row} is red without a sign");
            }
        }
    }
    assert!(removed > 0);
    // The selected row is marked by more than a colour.
    assert!(buffer.content().iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
}

#[test]
fn themes_change_every_cell_and_plain_has_no_colour() {
    for name in Theme::NAMES {
        let look = Preferences { theme: Theme::named(name).unwrap(), ..Preferences::default() };
        let mut explorer = Explorer::with(80, 24, look);
        explorer.send(Msg::Ready(Box::new(look_demo())));
        for keys in ["jj", "2", "3", "4", "1 <ctrl+p>"] {
            explorer.keys(keys).draw();
            let buffer = explorer.terminal.backend().buffer();
            match *name {
                "plain" => assert!(buffer.content().iter().all(|c| c.fg == Color::Reset && c.bg == Color::Reset)),
                // The terminal's palette only: no fixed colour, and never a background.
                "terminal" => assert!(
                    buffer
                        .content()
                        .iter()
                        .all(|c| { !matches!(c.fg, Color::Rgb(..) | Color::Indexed(_)) && c.bg == Color::Reset })
                ),
                _ => assert!(buffer.content().iter().all(|c| matches!(c.bg, Color::Rgb(..))), "{name}"),
            }
        }
    }
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("T").shows("theme: dark").keys("T").shows("theme: light");
}

fn look_demo() -> Inspection {
    look(&demo())
}

#[test]
fn any_size_is_survived() {
    for (width, height) in [(0, 0), (1, 1), (2, 2), (5, 3), (20, 5), (3, 100), (400, 2), (400, 120), (59, 24), (80, 24)]
    {
        let mut explorer = Explorer::demo(width, height);
        for keys in [
            "jj",
            "<tab> <pgdn> G",
            "a <end>",
            "?",
            "x y z <down>",
            "<esc> <esc>",
            "<tab> G g",
            "<tab>",
            "2 j G",
            "<space>",
            "s G",
            "3 <right> <enter> <down>",
            "4 G",
            "w k 1",
            "<ctrl+p> lib <down>",
            "<esc>",
            "<tab> b",
            "<esc> / s",
            "<esc>",
            "y",
            "<esc>",
            "v G",
            "<tab> G",
            "<esc> x",
            "<esc>",
            "T T T",
        ] {
            explorer.keys(keys);
            explorer.draw();
        }
        for (x, y) in [(0, 0), (width.saturating_sub(1), height.saturating_sub(1)), (width / 2, height / 2)] {
            explorer.click(x, y).click(x, y);
            explorer.mouse(MouseEventKind::ScrollDown, x, y).mouse(MouseEventKind::ScrollUp, x, y);
            explorer.mouse(MouseEventKind::Drag(MouseButton::Left), x, y);
            explorer.draw();
        }
        explorer.resize(30, 8);
        explorer.draw();
    }
}

#[test]
fn a_small_terminal_shows_one_pane() {
    let mut explorer = Explorer::demo(40, 12);
    explorer.shows("Layers (13)").hides("Changes of layer");
    explorer.keys("j <enter>").shows("Changes of layer 1").hides("Layers (13)");
}

#[test]
fn hostile_names_stay_in_their_place() {
    let names =
        ["\u{1b}[31mred", "new\nline", "\u{202e}gnp.exe", "日本語の長い名前のファイル", "x\ty", "e\u{301}clair"];
    let mut entries: Vec<Entry> = names.iter().map(|name| file(name, "\u{1b}[2J\u{202e}\0")).collect();
    entries.push(file(b"latin\xe9", "x"));
    entries.push(file("long".repeat(1000), "x"));
    entries.push(file(["deep"; 100].join("/"), "x"));
    entries.push(file("script", "\u{1b}]52;c;ZXZpbA==\u{7}\n\u{202e}"));
    let built = image()
        .name("evil\u{1b}]0;owned\u{7}:latest")
        .run(serde_json::json!({"Env": ["A=\u{1b}[31m"], "Labels": {"\u{202e}": "\n"}, "Cmd": ["\u{7}"]}))
        .layer(entries)
        .layer([gone("new\nline")])
        .history(serde_json::json!([{"created_by": "RUN \u{1b}[2J\u{202e}"}, {"created_by": "RUN x\ny"}]));
    for (width, height) in [(80, 24), (160, 45), (20, 5)] {
        let mut explorer = Explorer::of(&built, width, height);
        for keys in [
            "<tab> G",
            "a",
            "<tab> <tab>",
            "j",
            "2",
            "3 G",
            "4 G",
            "1 <tab> / red",
            "<enter> j b",
            "<esc> v",
            "<esc> y",
            "<esc> x",
            "<esc> <esc> / script <enter> j v",
            "<esc> <ctrl+p> deep",
        ] {
            explorer.keys(keys);
            explorer.screen();
            for cell in explorer.terminal.backend().buffer().content() {
                let symbol = cell.symbol();
                assert!(!symbol.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{symbol:?}");
            }
        }
    }
}

#[test]
fn an_empty_list_says_why() {
    Explorer::of(&image().layer([]), 80, 24).shows("this layer changes no files");
    let mut explorer = Explorer::of(&image(), 80, 24);
    explorer.keys("w j <space>").shows("nothing is wasted");
    explorer.keys("3 j <enter> 4 1 jk <tab> G a / x <esc> v b x y").shows("the image has no layers");
}
