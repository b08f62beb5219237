//! Users and groups by name, out of /etc/passwd and /etc/group (passwd(5), group(5)).
//!
//! Not getpwnam(3): a static program cannot load NSS, and PID 1 must not ask a directory server before there is a
//! network. A name that is missing degrades the one service that wants it.

use std::fs;

use crate::manifest::Service;
use crate::sys::Ids;

/// The field that names somebody who is not there, and who that is.
pub type Missing = (&'static str, String);

/// The IDs a service runs with; `None` when it stays what the supervisor is.
pub fn ids(service: &Service) -> Result<Option<Ids>, Missing> {
    if service.user.is_none() && service.own.group.is_none() && service.own.groups.is_none() {
        return Ok(None);
    }
    let passwd =
        fs::read_to_string("/etc/passwd").map_err(|error| ("user", format!("/etc/passwd: {error}")))?;
    let group = fs::read_to_string("/etc/group").unwrap_or_default();
    lookup(service, &passwd, &group).map(Some)
}

/// As `ids`, from the text of the two files.
pub fn lookup(service: &Service, passwd: &str, group: &str) -> Result<Ids, Missing> {
    let (user, mut ids) = match &service.user {
        Some(name) => {
            let missing =
                || ("user", format!("no user \"{name}\" in /etc/passwd; add it (useradd -r {name})"));
            let row = row(passwd, name).ok_or_else(missing)?;
            let number = |i: usize| row.get(i).and_then(|field| field.parse().ok());
            let (Some(uid), Some(gid)) = (number(2), number(3)) else {
                return Err(("user", format!("the line of \"{name}\" in /etc/passwd has no numbers")));
            };
            (name.as_str(), Ids { uid, gid, groups: vec![gid] })
        }
        None => {
            let gid = nix::unistd::getegid().as_raw();
            ("", Ids { uid: nix::unistd::geteuid().as_raw(), gid, groups: vec![gid] })
        }
    };
    if let Some(name) = &service.own.group {
        ids.gid = group_id(group, name).ok_or_else(|| no_group("supervisor_rs.group", name))?;
        ids.groups = vec![ids.gid];
    }
    match &service.own.groups {
        Some(names) => {
            for name in names {
                let id = group_id(group, name);
                ids.groups.push(id.ok_or_else(|| no_group("supervisor_rs.groups", name))?);
            }
        }
        None => {
            for line in group.lines() {
                let fields: Vec<&str> = line.split(':').collect();
                if let [_, _, id, members, ..] = fields[..] {
                    if !user.is_empty() && members.split(',').any(|member| member == user) {
                        ids.groups.extend(id.parse::<u32>());
                    }
                }
            }
        }
    }
    ids.groups.sort_unstable();
    ids.groups.dedup();
    Ok(ids)
}

fn no_group(field: &'static str, name: &str) -> Missing {
    (field, format!("no group \"{name}\" in /etc/group; add it (groupadd -r {name})"))
}

fn row<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)
}

fn group_id(text: &str, name: &str) -> Option<u32> {
    row(text, name)?.get(2)?.parse().ok()
}
