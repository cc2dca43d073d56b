//! Who an instruction runs as: a mount in it belongs to root unless it says whose it is.

use crate::image::Image;

/// What the image's `/etc/passwd` and `/etc/group` say.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<(String, u32)>,
}

#[derive(Debug)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

/// The owner of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The home directory, without a `/` at its end; empty where that is the root.
    pub home: String,
}

fn fields(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(bytes);
    text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

impl Accounts {
    /// Reads both files; what is malformed in them is passed over.
    pub fn new(passwd: &[u8], group: &[u8]) -> Self {
        let user = |row: &Vec<String>| {
            let number = |field: usize| row.get(field)?.parse().ok();
            let home = row.get(5).map(|home| home.trim_end_matches('/').to_owned()).unwrap_or_default();
            Some(User { name: row.first()?.clone(), uid: number(2)?, gid: number(3)?, home })
        };
        let group_of = |row: &Vec<String>| Some((row.first()?.clone(), row.get(2)?.parse().ok()?));
        Self {
            users: fields(passwd).iter().filter_map(user).collect(),
            groups: fields(group).iter().filter_map(group_of).collect(),
        }
    }

    /// Home directories.
    pub fn homes(&self) -> impl Iterator<Item = &str> {
        self.users.iter().map(|user| user.home.as_str())
    }

    /// Whose a mount has to be for `USER user`. Err when nothing has such a name: a wrong number is worse than none.
    pub fn owner(&self, user: &str, env: &[impl AsRef<str>]) -> Result<Owner, UnknownUser> {
        let (name, group) = user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
        let number: Option<u32> = name.parse().ok();
        let known = self.users.iter().find(|user| number.map_or(user.name == name, |uid| user.uid == uid));
        let uid = number.or(known.map(|user| user.uid)).ok_or(UnknownUser)?;
        let gid = match group {
            None => known.map_or(0, |user| user.gid),
            Some(group) => match group.parse() {
                Ok(gid) => gid,
                Err(_) => self.groups.iter().find(|(name, _)| name == group).ok_or(UnknownUser)?.1,
            },
        };
        let set = env.iter().rev().find_map(|line| line.as_ref().strip_prefix("HOME=")).filter(|_| known.is_none());
        let home = known.map(|user| user.home.as_str()).or(set).unwrap_or_default();
        Ok(Owner { uid, gid, home: home.trim_end_matches('/').to_owned() })
    }
}

/// A user or group that the image does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownUser;

/// Who the instruction of a layer runs as; None for root.
pub(super) fn user_of(image: &Image, layer: u16) -> Option<String> {
    let row = image.layers.get(usize::from(layer))?.history?;
    let rows = image.history[..row].iter().rev().filter_map(|row| row.instruction());
    let user = rows.into_iter().find_map(|text| text.strip_prefix("USER ").map(|user| user.trim().to_owned()))?;
    let name = user.split(':').next().unwrap_or_default();
    (!matches!(name, "" | "root" | "0")).then_some(user)
}

/// A cache mount that belongs to `owner`, below its home directory.
pub(super) fn owned(mount: &str, owner: &Owner) -> String {
    let placed = mount.replacen("target=/root/", &format!("target={}/", owner.home), 1);
    format!("{placed},uid={},gid={}", owner.uid, owner.gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_a_mount_is() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app/:/bin/sh\nbroken\nbad:x:y:z::/:\n";
        let accounts = Accounts::new(passwd, b"web:x:33:\n");
        let owner = |uid, gid, home: &str| Ok(Owner { uid, gid, home: home.to_owned() });
        let env = ["HOME=/srv".to_owned()];
        for (user, want) in [
            ("app", owner(1000, 1001, "/home/app")),
            ("app:web", owner(1000, 33, "/home/app")),
            ("1000", owner(1000, 1001, "/home/app")),
            ("1000:7", owner(1000, 7, "/home/app")),
            ("1234", owner(1234, 0, "/srv")),
            ("nobody", Err(UnknownUser)),
            ("app:nobody", Err(UnknownUser)),
            ("bad", Err(UnknownUser)),
        ] {
            assert_eq!(accounts.owner(user, &env), want, "{user}");
        }
        let mount = "--mount=type=cache,target=/root/.cache/pip,sharing=locked";
        let placed = owned(mount, &Owner { uid: 7, gid: 8, home: "/home/a".to_owned() });
        assert_eq!(placed, "--mount=type=cache,target=/home/a/.cache/pip,sharing=locked,uid=7,gid=8");
    }
}
