//! What layers say about paths: one test for each rule of the tree.

use crate::common::{
    Entry, Shape, dir, file, folder, gone, hardlink, image, layer, look, opaque, paths, pax_record, raw, symlink,
};
use explore::inspect::Inspection;
use explore::tree::Lookup;

/// Stacks layers and looks at them.
fn stack(layers: &[&[Entry]]) -> Inspection {
    let built = layers.iter().fold(image(), crate::common::ImageBuilder::layer);
    let folder = folder();
    look(&folder.write("image.tar", &built.save(Shape::Docker)))
}

/// One layer from a tar as it is.
fn of_tar(tar: Vec<u8>) -> Inspection {
    let folder = folder();
    look(&folder.write("image.tar", &image().tar(tar).save(Shape::Docker)))
}

fn size(found: &Inspection, path: &str) -> u64 {
    let Lookup::Found(_, at) = found.tree.lookup(path.as_bytes(), found.tree.top().unwrap(), false) else {
        panic!("{path} is not there: {:?}", paths(found))
    };
    found.tree.event_at(found.tree.copy_of(at).unwrap_or(at)).size
}

#[test]
fn a_whiteout_takes_away_what_lower_layers_brought() {
    let found = stack(&[&[file("a/x", "1"), file("a/y", "2")], &[gone("a/x")]]);
    assert_eq!(paths(&found), ["a", "a/y"]);
}

#[test]
fn a_whiteout_never_takes_what_its_own_layer_brings() {
    for entries in [[gone("a"), file("a", "new")], [file("a", "new"), gone("a")]] {
        let found = stack(&[&[file("a", "old")], &entries]);
        assert_eq!(paths(&found), ["a"]);
        assert_eq!(size(&found, "a"), 3);
    }
}

#[test]
fn a_whiteout_of_nothing_does_nothing() {
    let found = stack(&[&[file("a", "1")], &[gone("b"), gone("a/b/c")]]);
    // The directory that holds a whiteout is there afterwards, as engines make it.
    assert_eq!(paths(&found), ["a", "a/b"]);
    assert_eq!(found.waste.sums.dead(), 1, "`a` became a directory");
}

#[test]
fn an_opaque_directory_hides_all_that_was_in_it() {
    let found = stack(&[&[file("d/old", "1"), file("d/e/f", "2")], &[file("d/new", "3"), opaque("d")]]);
    assert_eq!(paths(&found), ["d", "d/new"]);
}

#[test]
fn other_markers_of_aufs_say_nothing() {
    let found = stack(&[&[file("a", "1"), file(".wh..wh.aufs", ""), dir(".wh..wh.plnk")]]);
    assert_eq!(paths(&found), ["a"]);
    assert_eq!(found.layers[0].entries, 3);
}

#[test]
fn a_directory_over_a_directory_keeps_its_children() {
    let found = stack(&[&[dir("d"), file("d/a", "1")], &[dir("d").mode(0o700)]]);
    assert_eq!(paths(&found), ["d", "d/a"]);
    assert_eq!((found.tree.layers[1].added, found.tree.layers[1].modified), (0, 1));
}

#[test]
fn a_directory_that_is_named_again_as_it_was_is_no_change() {
    let found = stack(&[&[dir("d"), file("d/a", "1")], &[dir("d"), file("d/b", "1")]]);
    assert_eq!((found.tree.layers[1].added, found.tree.layers[1].modified), (1, 0));
}

#[test]
fn anything_else_over_a_directory_deletes_what_was_in_it() {
    for other in [file("d", "now a file"), symlink("d", "e"), crate::common::fifo("d"), hardlink("d", "x")] {
        let found = stack(&[&[file("x", ""), file("d/a/b", "12"), file("d/c", "3")], &[other]]);
        assert_eq!(paths(&found), ["d", "x"]);
        assert_eq!(found.waste.sums.dead(), 3);
        assert_eq!(found.tree.layers[1].removed.len(), 3);
    }
}

#[test]
fn a_link_in_the_way_of_a_parent_gives_way() {
    let found = stack(&[&[file("usr/lib/a", "1"), symlink("lib", "usr/lib")], &[file("lib/b", "2")]]);
    assert_eq!(paths(&found), ["lib", "lib/b", "usr", "usr/lib", "usr/lib/a"]);
}

#[test]
fn a_hard_link_shares_bytes_that_count_once() {
    let found = stack(&[&[file("a", "12345"), hardlink("b", "/a"), hardlink("c", "./b")]]);
    assert_eq!((found.waste.content_bytes, found.waste.live_bytes), (5, 5));
    assert_eq!([size(&found, "b"), size(&found, "c")], [5, 5]);
    assert_eq!(found.tree.final_counts().files, 3);
}

#[test]
fn a_hard_link_keeps_bytes_alive_across_layers() {
    let found = stack(&[&[file("a", "12345")], &[hardlink("b", "a")], &[gone("a")]]);
    assert_eq!((found.waste.live_bytes, found.waste.sums.dead()), (5, 0));
    let found = stack(&[&[file("a", "12345")], &[hardlink("b", "a")], &[gone("a"), gone("b")]]);
    assert_eq!((found.waste.live_bytes, found.waste.sums.dead()), (0, 5));
}

#[test]
fn a_hard_link_to_nothing_is_an_empty_file() {
    let found = stack(&[&[hardlink("b", "missing"), hardlink("c", "../etc/passwd")]]);
    assert_eq!(paths(&found), ["b", "c"]);
    assert_eq!([size(&found, "b"), size(&found, "c")], [0, 0]);
}

#[test]
fn a_path_that_comes_twice_in_one_layer_is_the_last() {
    let found = stack(&[&[file("a", "123"), file("a", "4567")]]);
    assert_eq!(size(&found, "a"), 4);
    assert_eq!((found.waste.live_bytes, found.waste.sums.dead()), (4, 3));
}

#[test]
fn three_spellings_are_one_path() {
    let found = stack(&[&[file("./a", "1"), file("/a", "2"), file("a", "3"), dir("./"), file("b//c/./d", "")]]);
    assert_eq!(paths(&found).iter().filter(|path| !path.is_empty()).collect::<Vec<_>>(), ["a", "b", "b/c", "b/c/d"]);
}

#[test]
fn a_path_never_leaves_the_root() {
    let found = stack(&[&[file("../../etc/passwd", "x"), file("a/../../b", "x"), file("ok", "1")]]);
    assert_eq!(paths(&found), ["ok"]);
    assert!(found.notes.iter().any(|note| note.message.contains("leads out of the image")), "{:?}", found.notes);
}

#[test]
fn parents_that_no_layer_names_exist_all_the_same() {
    let found = stack(&[&[file("a/b/c", "1")]]);
    assert_eq!(found.tree.final_counts().directories, 2);
    let Lookup::Found(_, at) = found.tree.lookup(b"a/b", 0, false) else { panic!() };
    assert!(found.tree.event_at(at).is_implied());
    assert_eq!(found.tree.attributes(at).mode, 0o755);
}

#[test]
fn names_are_bytes() {
    let found = stack(&[&[file(b"caf\xe9\n\x1b", "1")]]);
    let node = found.tree.paths.find(b"caf\xe9\n\x1b");
    assert!(node.is_some());
}

#[test]
fn long_names_of_pax_and_gnu() {
    let long = format!("{}/{}", "d".repeat(150), "f".repeat(200));
    let found = stack(&[&[file(&long, "1"), symlink("l", "t".repeat(300))]]);
    assert!(paths(&found).contains(&long));

    let mut tar = Vec::new();
    let about = file("", "");
    raw(&mut tar, tar::EntryType::GNULongName, b"././@LongLink", b"", format!("{long}\0").as_bytes(), &about);
    raw(&mut tar, tar::EntryType::Regular, b"cut", b"", b"123", &about);
    raw(&mut tar, tar::EntryType::GNULongLink, b"././@LongLink", b"", format!("{long}\0").as_bytes(), &about);
    raw(&mut tar, tar::EntryType::Link, b"hard", b"cut", b"", &about);
    tar.extend([0; 1024]);
    let found = of_tar(tar);
    assert_eq!(size(&found, &long), 3);
    assert_eq!(size(&found, "hard"), 3);
}

#[test]
fn what_pax_says_may_hold_line_ends() {
    let records = [pax_record("path", b"a\nb"), pax_record("SCHILY.xattr.user.bits", b"\n=\n\n")].concat();
    let mut tar = Vec::new();
    let about = file("", "");
    raw(&mut tar, tar::EntryType::XHeader, b"pax", b"", &records, &about);
    raw(&mut tar, tar::EntryType::Regular, b"other", b"", b"123", &about);
    tar.extend([0; 1024]);
    let found = of_tar(tar);
    assert_eq!(size(&found, "a\nb"), 3);
    assert_eq!(found.damage().next(), None);
}

#[test]
fn more_bytes_than_can_be_added_up_are_no_image() {
    let most = ((1_u64 << 53) - 1).to_string();
    let mut tar = Vec::new();
    let about = file("", "");
    for number in 0..200 {
        let name = format!("claim{number}");
        let records: Vec<u8> = [("GNU.sparse.size", &*most), ("GNU.sparse.name", &name), ("GNU.sparse.map", "0,1")]
            .iter()
            .flat_map(|(key, value)| pax_record(key, value.as_bytes()))
            .collect();
        raw(&mut tar, tar::EntryType::XHeader, b"pax", b"", &records, &about);
        raw(&mut tar, tar::EntryType::Regular, b"sparse", b"", b"x", &about);
    }
    tar.extend([0; 1024]);
    let folder = folder();
    let path = folder.write("image.tar", &image().tar(tar).save(Shape::Docker));
    let output = crate::common::explore(&["--ci", "--max-image-size=1MB", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let error = crate::common::text(&output.stderr);
    assert!(error.contains("more bytes than can be added up"), "{error}");
}

#[test]
fn names_that_are_split_over_two_fields() {
    let mut header = tar::Header::new_ustar();
    let path = format!("{}/{}", "d".repeat(120), "f".repeat(90));
    header.set_path(&path).unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend([0; 1024]);
    assert!(paths(&of_tar(tar)).contains(&path));
}

#[test]
fn sizes_and_owners_beyond_octal() {
    // A pax size wins over the header's, base 256 is read, and ids go on after 2^21.
    let mut tar = Vec::new();
    let records =
        [pax_record("size", b"5"), pax_record("uid", b"3000000"), pax_record("mtime", b"1700000000.75")].concat();
    raw(&mut tar, tar::EntryType::XHeader, b"pax", b"", &records, &file("", ""));
    let mut header = tar::Header::new_ustar();
    header.set_path("a").unwrap();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_cksum();
    tar.extend(header.as_bytes());
    tar.extend(b"12345");
    tar.resize(tar.len().next_multiple_of(512), 0);
    let mut header = tar::Header::new_gnu();
    header.set_path("b").unwrap();
    header.set_size(1);
    header.set_uid(5_000_000_000 % (1 << 32));
    header.as_mut_bytes()[124..136].copy_from_slice(b"\x80\0\0\0\0\0\0\0\0\0\0\x01");
    header.set_cksum();
    tar.extend(header.as_bytes());
    tar.extend([7; 1]);
    tar.resize(tar.len().next_multiple_of(512), 0);
    tar.extend([0; 1024]);
    let found = of_tar(tar);
    assert_eq!([size(&found, "a"), size(&found, "b")], [5, 1]);
    let Lookup::Found(_, at) = found.tree.lookup(b"a", 0, false) else { panic!() };
    assert_eq!(found.tree.attributes(at).uid, 3_000_000);
    assert_eq!(found.tree.event_at(at).mtime(), Some(1_700_000_000));
}

#[test]
fn global_headers_and_unknown_types_are_passed_over() {
    let mut tar = Vec::new();
    raw(&mut tar, tar::EntryType::XGlobalHeader, b"g", b"", &pax_record("comment", b"abc"), &file("", ""));
    raw(&mut tar, tar::EntryType::new(b'Z'), b"odd", b"", b"some bytes", &file("", ""));
    raw(&mut tar, tar::EntryType::Regular, b"a", b"", b"12", &file("", ""));
    tar.extend([0; 1024]);
    let len = tar.len() as u64;
    let found = of_tar(tar);
    assert_eq!(paths(&found), ["a"]);
    assert_eq!(found.layers[0].tar_bytes, len);
    assert_eq!(found.layers[0].entries, 1);
}

#[test]
fn sparse_files_count_what_they_hold() {
    // GNU tar itself makes them, in each of its formats.
    let folder = folder();
    let hole = folder.path().join("hole");
    let made = std::fs::File::create(&hole).unwrap();
    made.set_len(5_000_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&made, b"middle", 2_000_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&made, b"end", 4_999_997).unwrap();
    let content = std::fs::read(&hole).unwrap();
    for format in [
        &["--format=gnu"][..],
        &["--format=pax", "--sparse-version=0.0"],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ] {
        let output = std::process::Command::new("tar")
            .args(["--sparse", "-C"])
            .arg(folder.path())
            .args(format)
            .args(["-cf", "-", "hole"])
            .output()
            .unwrap();
        assert!(output.status.success());
        assert!(output.stdout.len() < 100_000, "tar made no sparse file");
        let path = folder.write("image.tar", &image().tar(output.stdout).save(Shape::Docker));
        let found = look(&path);
        assert_eq!(paths(&found), ["hole"], "{format:?}");
        assert_eq!(size(&found, "hole"), 5_000_000, "{format:?}");
        let cat = crate::common::explore(&["cat", path.to_str().unwrap(), "hole"]);
        assert!(cat.stdout == content, "{format:?}: {}", crate::common::text(&cat.stderr));
    }
}

#[test]
fn sizes_that_lie_hurt_only_their_layer() {
    let lie = |size: &[u8; 12]| {
        let mut tar = layer(&[file("good", "1"), file("bad", "2")]);
        let at = 1024;
        tar[at + 124..at + 136].copy_from_slice(size);
        let sum: u32 = tar[at..at + 512]
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
            .sum();
        tar[at + 148..at + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar
    };
    for size in [
        b"77777777777\0",
        b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let folder = folder();
        let path = folder.write("i.tar", &image().tar(lie(size)).layer([file("other", "3")]).save(Shape::Docker));
        let found = look(&path);
        assert_eq!(paths(&found), ["good", "other"]);
        assert!(found.layers[0].damage.is_some() && found.layers[1].damage.is_none());
    }
}

#[test]
fn links_that_lead_in_circles_are_told() {
    let found =
        stack(&[&[symlink("a", "b"), symlink("b", "a"), symlink("up", "../../x"), file("x", "1"), symlink("d", ".")]]);
    assert_eq!(found.tree.lookup(b"a", 0, true), Lookup::Loop);
    assert!(matches!(found.tree.lookup(b"up", 0, true), Lookup::Found(..)), "`..` of the root is the root");
    assert!(matches!(found.tree.lookup(b"d/d/d/x", 0, true), Lookup::Found(..)));
}

#[test]
fn metadata_is_what_the_last_layer_says() {
    let found =
        stack(&[&[file("a", "1").mode(0o600).xattr("user.k", b"v")], &[file("a", "1").mode(0o4755).owner(33, 34)]]);
    let Lookup::Found(_, at) = found.tree.lookup(b"a", 1, false) else { panic!() };
    let about = found.tree.attributes(at);
    assert_eq!((about.mode, about.uid, about.gid, about.xattrs.is_empty()), (0o4755, 33, 34, true));
    let Lookup::Found(_, at) = found.tree.lookup(b"a", 0, false) else { panic!() };
    assert!(!found.tree.attributes(at).xattrs.is_empty());
}
