//! Everyday tasks, and how many keys each takes from the first screen. Text that has to be typed is not counted.

use crate::common::{ImageBuilder, dir, file, folder, gone, image};
use crate::screen::Explorer;

/// An image in which layers fill, replace and delete what others stored.
fn busy() -> ImageBuilder {
    let rows =
        ["ADD base", "RUN apt-get update", "RUN install app", "RUN build", "COPY conf /etc", "RUN rm -rf /var/lists"];
    let history: Vec<_> = rows.iter().map(|row| serde_json::json!({"created_by": row})).collect();
    image()
        .name("busy:1")
        .run(serde_json::json!({"Env": ["MODE=fast"], "Cmd": ["serve"], "Labels": {"team": "blue"}}))
        .layer([
            dir("etc"),
            file("etc/conf", "one\n"),
            file("usr/lib/libc.so", vec![1; 900_000]),
            file("bin/sh", vec![2; 90_000]),
        ])
        .layer([file("var/lists/packages", vec![b'p'; 12_000_000]), file("var/lists/release", "release\n")])
        .layer([file("srv/app/data/large.bin", vec![4; 11_000_000]), file("srv/app/run", vec![5; 5000])])
        .layer([file("srv/app/data/large.bin", vec![6; 10_500_000]), file("tmp/build.log", vec![7; 70_000])])
        .layer([file("etc/conf", "two\n")])
        .layer([gone("var/lists")])
        .history(serde_json::Value::from(history))
}

/// Presses keys and types text (in quotes), and holds the number of keys against what the task may take.
fn takes(explorer: &mut Explorer, most: usize, keys: &[&str]) {
    let mut pressed = 0;
    for key in keys {
        if let Some(text) = key.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            explorer.paste(text)
        } else {
            pressed += 1;
            explorer.keys(key);
        }
    }
    assert!(pressed <= most, "{keys:?} are {pressed} keys, and {most} are allowed:\n{}", explorer.screen());
}

fn start(width: u16, height: u16) -> Explorer {
    Explorer::of(&busy(), width, height)
}

#[test]
fn the_biggest_thing_in_the_image() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 1, &["<ctrl+f>"]);
    explorer.shows("12.0 MB     1  deleted in 5    /var/lists/packages");
    // The directory that takes most of the final file system.
    let mut explorer = start(80, 24);
    takes(&mut explorer, 1, &["3"]);
    explorer.shows("srv/app/ 10.5 MB").shows("% of the directory");
}

#[test]
fn what_to_fix_first_and_the_fix_in_the_clipboard() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 3, &["2", "y", "<enter>"]);
    assert!(!explorer.copied().is_empty());
}

#[test]
fn which_layer_put_a_path_there_and_what_it_was_before() {
    let mut explorer = start(100, 30);
    takes(&mut explorer, 3, &["<ctrl+f>", "\"etc/conf\"", "<enter>"]);
    explorer.shows("Changes of layer 4").shows("/etc/conf").shows("replaced in 4");
    // And the difference itself.
    explorer.keys("d").shows("layer 0 → layer 4").shows("- one").shows("+ two");
}

#[test]
fn a_file_that_a_later_layer_deleted_is_read() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 3, &["<ctrl+f>", "\"lists/release\"", "<ctrl+v>"]);
    explorer.shows("/var/lists/release  after layer 1").shows("1 release");
}

#[test]
fn all_files_over_ten_megabytes_in_any_layer() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 1, &["<ctrl+f>", "\">10MB\""]);
    explorer.shows("3 of ").shows("12.0 MB").shows("11.0 MB").shows("10.5 MB").shows("replaced in 3");
    // Every stored copy is a row, and Esc leads back.
    explorer.keys("<esc>").shows("Changes of layer 0");
}

#[test]
fn what_some_layers_changed_together_and_what_joining_them_saves() {
    let mut explorer = start(100, 30);
    takes(&mut explorer, 4, &["r", "\"2-4\"", "<enter>"]);
    explorer.shows("Changes of layers 2 to 4").shows("joined into one layer they would save 11");
    // By hand, from where one is.
    explorer
        .keys("<esc> g j <space> j j")
        .shows("Changes of layers 1 to 3")
        .keys("r 9 <enter>")
        .shows("the last layer is 5");
}

#[test]
fn saving_what_a_layer_changed_and_what_is_there_in_the_end() {
    let into = folder();
    let mut explorer = start(100, 30);
    explorer.keys("r 3 <enter>");
    takes(&mut explorer, 3, &["<tab>", "x"]);
    explorer.shows("only what layer 3 changes").paste(into.path().to_str().unwrap());
    explorer.keys("<enter>").shows("saved ");
    // The file that the layer replaced, and not the one beside it that was there before.
    assert_eq!(std::fs::read(into.path().join("data/large.bin")).unwrap()[0], 6);
    // All of it as it is in the end, or was last.
    let into = folder();
    let mut explorer = start(100, 30);
    explorer.keys("r 2 <enter>");
    takes(&mut explorer, 3, &["<tab>", "X"]);
    explorer.paste(into.path().to_str().unwrap());
    explorer.keys("<enter>").shows("saved ");
    assert_eq!(std::fs::read(into.path().join("app/data/large.bin")).unwrap()[0], 6);
    assert!(into.path().join("app/run").exists());
}

#[test]
fn what_a_directory_costs_over_all_layers() {
    let mut explorer = start(80, 24);
    explorer.keys("jj");
    takes(&mut explorer, 2, &["<tab>"]);
    explorer.shows("/srv/app/").shows("21.5 MB over all layers");
    // Its history has the sums of each layer.
    explorer.keys("b").shows("History of /srv/app").shows("11.0 MB").shows("10.5 MB").shows("11.0 MB of it dead");
}

#[test]
fn why_the_image_wastes_that_many_bytes() {
    let mut explorer = start(100, 30);
    takes(&mut explorer, 1, &["2"]);
    explorer.shows("dead (deleted or replaced later) +").shows("left over").shows(" own ");
}

#[test]
fn the_config_of_the_image() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 1, &["4"]);
    explorer.shows("MODE=fast").shows("\"serve\"").shows("team = blue");
}

#[test]
fn everything_with_the_mouse_alone() {
    let mut explorer = start(100, 30);
    let click = |explorer: &mut Explorer, text: &str| {
        let (x, y) = explorer.place_of(text);
        explorer.click(x, y);
    };
    // A layer, a directory, a file, and back by the footer.
    click(&mut explorer, "install app");
    explorer.shows("Changes of layer 2");
    click(&mut explorer, "large.bin");
    click(&mut explorer, "large.bin");
    explorer.shows("/srv/app/data/large.bin  after layer 2");
    // A tab works through what lies over the screen.
    click(&mut explorer, "2 Waste");
    explorer.hides("after layer 2").shows("The change");
    click(&mut explorer, "find");
    explorer.shows("Find in all layers");
    // The row is selected already, so a click opens it.
    click(&mut explorer, "/var/lists/packages");
    explorer.shows("Changes of layer 1");
    click(&mut explorer, "history");
    explorer.shows("History of /var/lists/packages");
    explorer.right_click(2, 2).hides("History of");
    explorer.right_click(2, 2).shows("The change");
    click(&mut explorer, "quit");
    assert!(explorer.has_quit());
}

#[test]
fn going_to_a_path_and_through_the_matches() {
    let mut explorer = start(80, 24);
    takes(&mut explorer, 2, &["<ctrl+f>", "\"largebin\"", "<enter>"]);
    explorer.shows("large.bin").shows("Changes of layer ");
    // `/` puts the cursor on the first match; `n` and `N` go through the others while the filter holds.
    let mut explorer = Explorer::of(
        &image().layer([
            file("a/one.txt", "1"),
            file("a/two.bin", "2"),
            file("b/three.txt", "3"),
            file("c/four.txt", "4"),
        ]),
        80,
        24,
    );
    takes(&mut explorer, 3, &["/", "\"txt\"", "<enter>", "n"]);
    let selected = |explorer: &mut Explorer| explorer.selected();
    let second = selected(&mut explorer);
    assert!(second.contains(".txt"), "{second}");
    explorer.keys("n");
    let third = selected(&mut explorer);
    explorer.keys("N");
    assert_eq!(selected(&mut explorer), second);
    assert_ne!(third, second);
    explorer.keys("n n").shows("no match below");
}

#[test]
fn base_image_and_own_layers_on_the_first_screen() {
    Explorer::of_file(&crate::screen::demo(), 80, 24).shows("── base 112 kB ─── own 468 kB");
}

#[test]
fn walking_down_along_the_largest_directory() {
    let mut explorer = start(80, 24);
    explorer.keys("r 2 <enter> <tab> z");
    // A key a level.
    for (key, name) in [("<home>", "app/"), ("<right>", "data/"), ("<right>", "large.bin")] {
        explorer.keys(key);
        let row = explorer.selected();
        assert!(row.contains(name), "{key} should lead to {name}: {row}");
    }
}

#[test]
fn esc_and_the_jump_keys_lead_back() {
    let mut explorer = start(100, 30);
    explorer.keys("2 <enter>").shows("Changes of layer 1").keys("<esc>").shows("The change");
    explorer.keys("<esc>").shows("Changes of layer 0");
    // As in editors: back, and forward again.
    explorer.keys("3 2 <ctrl+o>").shows("in the final file system").keys("<ctrl+o>").shows("Changes of layer 0");
    explorer.keys("<alt+o>").shows("in the final file system").keys("<alt+o>").shows("The change");
}

#[test]
fn the_map_agrees_with_the_final_file_system() {
    let mut explorer = start(100, 30);
    explorer.keys("3").shows("in the final file system").hides("lists");
    // What is too small to be drawn is counted, and no tile claims its room.
    explorer.shows("too small to draw");
    explorer.keys("c").shows("own layers").keys("c").shows("left over").keys("c").shows("first level");
    // A chain of directories is one tile.
    explorer.shows("srv/app/");
}

#[test]
fn nested_paths_stay_readable() {
    let deep = format!("{}/file.txt", ["level"; 30].join("/"));
    let mut built = Explorer::of(&image().layer([file(&deep, "x"), file("level/level/other", "y")]), 80, 24);
    built.keys("<tab> c Z G").shows("file.txt").shows("… ");
}

#[test]
fn one_file_of_two_images_line_by_line() {
    let before = image().name("a:1").layer([file("etc/conf", "same\nold\n")]);
    let after = image().name("a:2").layer([file("etc/conf", "same\nnew\n")]);
    let mut explorer = crate::screen::pair_of(&before, &after, 100, 30);
    explorer.keys("<tab> / conf <enter> d").shows("a:1 → a:2").shows("- old").shows("+ new").shows("+1 -1 lines");
    explorer.keys("<esc> <esc>").hides("+ new");
}

#[test]
fn choosing_among_the_images_of_an_archive() {
    let (one, two) = (image().name("app:1").layer([file("a", "1")]), image().name("app:2").layer([file("b", "22")]));
    let folder = folder();
    let path = folder.write("several.tar", &crate::common::save_all(&[&one, &two]));
    let mut explorer = Explorer::opening(&path, 80, 24);
    explorer.shows("holds 2 images").shows("app:1").shows("app:2");
    takes(&mut explorer, 2, &["<down>", "<enter>"]);
    let opened = explorer.opened();
    assert!(opened.0.ends_with("several.tar@1") && opened.1.is_none(), "{opened:?}");
    // Leaving the choice leaves the program, which says why.
    let mut explorer = Explorer::opening(&path, 80, 24);
    explorer.keys("<esc>");
    assert!(explorer.has_quit());
}
