//! Journeys: keys typed into the real app on a test terminal, then a look at the picture.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on has failed")]

mod common;

use std::path::Path;

use common::{Shape, file, folder, gone, image, look};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use explore::image::Image;
use explore::inspect::Inspection;
use explore::tui::{App, Effect, Msg, Theme, draw};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::{Color, Modifier};

struct Explorer {
    app: App,
    terminal: Terminal<TestBackend>,
}

impl Explorer {
    fn empty(width: u16, height: u16) -> Self {
        let mut app = App::new("demo.tar".to_owned(), Theme::ansi());
        app.update(Msg::Terminal(Event::Resize(width, height)));
        Self { app, terminal: Terminal::new(TestBackend::new(width, height)).unwrap() }
    }

    fn on(found: Inspection, width: u16, height: u16) -> Self {
        let mut explorer = Self::empty(width, height);
        explorer.app.update(Msg::Ready(Box::new(found)));
        explorer
    }

    fn demo(width: u16, height: u16) -> Self {
        Self::on(look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar")), width, height)
    }

    /// Types letters, and names of keys in angle brackets.
    fn keys(&mut self, keys: &str) -> Option<Effect> {
        let mut last = None;
        for word in keys.split_whitespace() {
            let code = match word {
                "<tab>" => KeyCode::Tab,
                "<space>" => KeyCode::Char(' '),
                "<right>" => KeyCode::Right,
                "<left>" => KeyCode::Left,
                "<down>" => KeyCode::Down,
                "<end>" => KeyCode::End,
                "<pgdn>" => KeyCode::PageDown,
                letter => KeyCode::Char(letter.chars().next().unwrap()),
            };
            last = self.app.update(Msg::Terminal(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))));
        }
        last
    }

    fn draw(&mut self) {
        self.terminal.draw(|frame| draw(&self.app, frame)).unwrap();
    }

    fn screen(&mut self) -> String {
        self.draw();
        self.terminal.backend().to_string()
    }
}

#[test]
fn a_first_look_at_the_demo() {
    insta::assert_snapshot!("first_look_80x24", Explorer::demo(80, 24).screen());
    insta::assert_snapshot!("first_look_160x45", Explorer::demo(160, 45).screen());
}

#[test]
fn from_the_layer_that_deletes_to_what_it_deleted() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("j j j j j j j j <tab> j j j j");
    insta::assert_snapshot!("deleted_80x24", explorer.screen());
    explorer.keys("a");
    let screen = explorer.screen();
    assert!(screen.contains("All files after layer 8"), "{screen}");
    assert!(screen.contains("- ") && screen.contains("lists/"), "{screen}");
}

#[test]
fn from_the_largest_waste_to_its_file() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("2");
    insta::assert_snapshot!("waste_80x24", explorer.screen());
    assert!(explorer.screen().contains("fix: RUN apt-get update && apt-get install -y python3 curl && rm -rf"));
    explorer.keys("j");
    assert!(explorer.screen().contains("fix: COPY --chown=www-data:www-data . ."));
    explorer.keys("<space>");
    let screen = explorer.screen();
    assert!(screen.contains("Changes of layer 7") && screen.contains("libssl.so.3"), "{screen}");
    explorer.keys("w G <left>");
    assert!(explorer.screen().contains("Changes of layer 7"), "left goes back to the layers");
    insta::assert_snapshot!("waste_160x45", {
        let mut explorer = Explorer::demo(160, 45);
        explorer.keys("w j");
        explorer.screen()
    });
}

#[test]
fn folding_and_unfolding() {
    let mut explorer = Explorer::demo(100, 40);
    explorer.keys("j <tab>");
    let open = explorer.screen();
    assert!(open.contains("deb_dists_stable_main_Packages"), "{open}");
    explorer.keys("<space>");
    let folded = explorer.screen();
    assert!(!folded.contains("deb_dists_stable_main_Packages") && folded.contains("▸ var/"), "{folded}");
    // What was folded stays folded when the layer is left and met again.
    explorer.keys("<tab> j k");
    assert!(!explorer.screen().contains("deb_dists_stable_main_Packages"));
    explorer.keys("<right> <right>");
    assert!(explorer.screen().contains("▾ var/"));
    explorer.keys("<end> <left> <left>");
    assert!(explorer.screen().contains("▸ lists/"), "{}", explorer.screen());
}

#[test]
fn before_anything_is_read_the_names_are_there() {
    let mut explorer = Explorer::empty(80, 24);
    assert!(explorer.screen().contains("opening"));
    let image: Image = look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar")).image;
    explorer.app.update(Msg::Image(Box::new(image)));
    explorer.app.update(Msg::Progress("reading 1 MB of 2 MB".to_owned()));
    let screen = explorer.screen();
    assert!(screen.contains("apt-get update") && screen.contains("reading 1 MB of 2 MB"), "{screen}");
    // Keys work meanwhile, and the selection stays where it was put.
    explorer.keys("j j");
    let found = look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demo.tar"));
    explorer.app.update(Msg::Ready(Box::new(found)));
    assert!(explorer.screen().contains("Changes of layer 2"));
}

#[test]
fn help_shows_every_key_and_closes() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("?");
    let screen = explorer.screen();
    for binding in explore::tui::BINDINGS {
        assert!(screen.contains(binding.help), "{} is not shown:\n{screen}", binding.help);
    }
    assert_eq!(explorer.keys("q"), None, "q closes the help first");
    assert!(!explorer.screen().contains("the row above"));
    assert_eq!(explorer.keys("q"), Some(Effect::Quit));
}

#[test]
fn the_readme_lists_every_key() {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    for binding in explore::tui::BINDINGS {
        let row = format!("| `{}` | {} |", binding.label, binding.help);
        assert!(readme.contains(&row), "README.md lacks: {row}");
    }
}

#[test]
fn colours_have_a_sign_beside_them() {
    let mut explorer = Explorer::demo(80, 24);
    explorer.keys("j j j j j j j j <tab> G");
    explorer.screen();
    let buffer = explorer.terminal.backend().buffer().clone();
    let mut removed = 0;
    for row in 0..24 {
        for column in 36..80 {
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
fn any_size_is_survived() {
    for (width, height) in [(0, 0), (1, 1), (2, 2), (5, 3), (20, 5), (3, 100), (400, 2), (400, 120), (80, 24)] {
        let mut explorer = Explorer::demo(width, height);
        for keys in ["j j", "<tab> <pgdn> G", "a <end>", "?", "q", "<tab> G g", "2 j G", "<space>", "w k 1"] {
            explorer.keys(keys);
            explorer.draw();
        }
        explorer.app.update(Msg::Terminal(Event::Resize(30, 8)));
        explorer.draw();
    }
}

#[test]
fn hostile_names_stay_in_their_place() {
    let folder = folder();
    let names =
        ["\u{1b}[31mred", "new\nline", "\u{202e}gnp.exe", "日本語の長い名前のファイル", "x\ty", "e\u{301}clair"];
    let mut entries: Vec<_> = names.iter().map(|name| file(name, "x")).collect();
    entries.push(file(b"latin\xe9", "x"));
    entries.push(file("long".repeat(1000), "x"));
    entries.push(file(["deep"; 100].join("/"), "x"));
    let built = image()
        .name("evil\u{1b}]0;owned\u{7}:latest")
        .layer(entries)
        .layer([gone("new\nline")])
        .history(serde_json::json!([{"created_by": "RUN \u{1b}[2J\u{202e}"}, {"created_by": "RUN x\ny"}]));
    for (width, height) in [(80, 24), (160, 45), (20, 5)] {
        let found = look(&folder.write("image.tar", &built.save(Shape::Docker)));
        let mut explorer = Explorer::on(found, width, height);
        for keys in ["<tab> G", "a", "<tab> j"] {
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
    let folder = folder();
    let found = look(&folder.write("image.tar", &image().layer([]).save(Shape::Docker)));
    let screen = Explorer::on(found, 80, 24).screen();
    assert!(screen.contains("this layer changes no files"), "{screen}");
    let found = look(&folder.write("image.tar", &image().save(Shape::Docker)));
    let mut explorer = Explorer::on(found, 80, 24);
    explorer.keys("w j <space>");
    assert!(explorer.screen().contains("nothing is wasted"));
    explorer.keys("1 j k <tab> G a");
    assert!(explorer.screen().contains("the image has no layers"));
}
