//! The order between services and their restarts, in a world without processes: `proptest` invents services, what
//! happens to them and when, and the rules below have to hold at every moment. They are said anew here, from the
//! outside, and not taken from `core`.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use supervisor_rs::backoff::Time;
use supervisor_rs::core::Core;
use supervisor_rs::manifest::{Kind, Manifest, Policy, Readiness, Service};
use supervisor_rs::service::{Action, Exit, Phase};

/// One thing that happens; the number chooses whom it happens to, among those it can happen to.
#[derive(Clone, Copy, Debug)]
enum Event {
    Ready(usize),
    End(usize, u8),
    Pass(u16),
    Want(usize, bool),
    Restart(usize),
    StopAll,
    StartAll,
}

#[derive(Clone, Debug)]
struct Made {
    kind: Kind,
    policy: Policy,
    asks: bool,
    down: bool,
    broken: bool,
    needs: Vec<usize>,
}

fn made() -> impl Strategy<Value = Made> {
    let policy = prop_oneof![Just(Policy::Always), Just(Policy::OnFailure), Just(Policy::Never)];
    let kind = prop_oneof![3 => Just(Kind::Longrun), 1 => Just(Kind::Oneshot)];
    let broken = prop::bool::weighted(0.1);
    (kind, policy, any::<bool>(), any::<bool>(), broken, prop::collection::vec(0..8_usize, 0..3)).prop_map(
        |(kind, policy, asks, down, broken, needs)| Made { kind, policy, asks, down, broken, needs },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<usize>().prop_map(Event::Ready),
        4 => (any::<usize>(), any::<u8>()).prop_map(|(who, code)| Event::End(who, code)),
        4 => any::<u16>().prop_map(Event::Pass),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(who, up)| Event::Want(who, up)),
        1 => any::<usize>().prop_map(Event::Restart),
        1 => Just(Event::StopAll),
        1 => Just(Event::StartAll),
    ]
}

/// Services named s0, s1, …; each may need only those before it, so there is no cycle.
fn manifest(all: &[Made]) -> Manifest {
    let services = all.iter().enumerate().map(|(i, made)| {
        let mut service = Service::new(&format!("s{i}"), made.kind, &["x"]);
        service.restart.policy = made.policy;
        service.restart.delay = 0.5;
        service.restart.factor = 2.0;
        if made.kind == Kind::Oneshot && made.down {
            service.down = vec!["y".to_owned()];
        } else if made.asks {
            service.readiness = Some(Readiness::Fd { fd: 3, timeout: 5.0 });
        }
        let mut needs: Vec<usize> = made.needs.iter().map(|need| need % (i + 1)).filter(|&n| n < i).collect();
        needs.sort_unstable();
        needs.dedup();
        service.depends_on = needs.into_iter().map(|need| format!("s{need}")).collect();
        service
    });
    Manifest {
        name: "model".to_owned(),
        description: String::new(),
        services: services.collect(),
        files: BTreeMap::new(),
    }
}

/// What is outside of the core: processes that exist only as numbers.
struct World {
    core: Core,
    all: Vec<Made>,
    manifest: Manifest,
    now: Time,
    next_pid: i32,
    /// Service → its process: (PID, is it a down command, was it told to end).
    processes: BTreeMap<usize, (i32, bool, bool)>,
    /// When it may be started again at the earliest.
    held_until: BTreeMap<usize, Time>,
}

impl World {
    fn new(all: Vec<Made>) -> World {
        let manifest = manifest(&all);
        let core = Core::new(&manifest, 7);
        World {
            core,
            all,
            manifest,
            now: Duration::ZERO,
            next_pid: 100,
            processes: BTreeMap::new(),
            held_until: BTreeMap::new(),
        }
    }

    fn needs(&self, i: usize) -> Vec<usize> {
        self.manifest.services[i].depends_on.iter().map(|name| name[1..].parse().unwrap()).collect()
    }

    /// Carry out what the core says, and hold it against the rules.
    fn act(&mut self) {
        while let Some((i, action)) = self.core.next_action() {
            match action {
                Action::Spawn => {
                    assert!(!self.processes.contains_key(&i), "s{i} is started twice");
                    for need in self.needs(i) {
                        let phase = self.core.get(need).unwrap().phase;
                        assert_eq!(
                            phase,
                            Phase::Up,
                            "s{i} is started and s{need}, which it needs, is not ready"
                        );
                    }
                    let until = self.held_until.get(&i).copied().unwrap_or_default();
                    assert!(self.now >= until, "s{i} is started before its back-off is over");
                    if self.all[i].broken {
                        self.core.spawn_failed(i, "no such program".to_owned(), false, self.now);
                    } else {
                        self.spawned(i, false);
                    }
                }
                Action::SpawnDown => {
                    assert!(!self.manifest.services[i].down.is_empty());
                    self.stops(i);
                    self.spawned(i, true);
                }
                Action::Stop => {
                    self.stops(i);
                    self.processes.get_mut(&i).expect("a process that is told to end").2 = true;
                }
                Action::Kill => self.end(i, Exit::Signal(9)),
                Action::Forget => panic!("nothing was removed"),
            }
        }
    }

    fn spawned(&mut self, i: usize, down: bool) {
        self.next_pid += 1;
        self.processes.insert(i, (self.next_pid, down, false));
        self.core.spawned(i, self.next_pid, self.now);
    }

    /// Whoever needs s{i} is gone before it is stopped, unless it goes on through a restart of s{i}.
    fn stops(&self, i: usize) {
        if self.core.get(i).unwrap().again {
            return;
        }
        for other in (0..self.all.len()).filter(|&other| self.needs(other).contains(&i)) {
            assert!(
                !self.processes.contains_key(&other),
                "s{i} is stopped and s{other}, which needs it, runs"
            );
        }
    }

    fn end(&mut self, i: usize, exit: Exit) {
        let Some((_, down, told)) = self.processes.remove(&i) else { return };
        let asked_down = self.core.get(i).unwrap().must_stop();
        self.core.exited(i, exit, "", self.now);
        let svc = self.core.get(i).unwrap();
        let policy = self.all[i].policy;
        if self.all[i].kind == Kind::Longrun && !told && !down {
            let again = match policy {
                Policy::Always => true,
                Policy::OnFailure => exit != Exit::Code(0),
                Policy::Never => false,
            };
            // Somebody wanted it down, or anew: then it is no matter of policy.
            if !asked_down {
                assert_eq!(svc.phase == Phase::Backoff, again, "s{i}, {policy:?}, {exit:?}: {:?}", svc.phase);
            }
        }
        if svc.phase == Phase::Backoff {
            let until = svc.deadline.expect("back-off ends");
            assert!(until > self.now, "no restart without a pause");
            assert!(until <= self.now + Duration::from_secs(30), "held back for longer than max_delay");
            self.held_until.insert(i, until);
        }
    }

    fn happens(&mut self, event: Event) {
        let running: Vec<usize> = self.processes.keys().copied().collect();
        let one = |of: &[usize], who: usize| of.get(who % of.len().max(1)).copied();
        match event {
            Event::Ready(who) => {
                if let Some(i) = one(&running, who).filter(|i| self.all[*i].kind == Kind::Longrun) {
                    self.core.ready(i, self.now);
                }
            }
            Event::End(who, code) => {
                if let Some(i) = one(&running, who) {
                    let exit = if code > 250 { Exit::Signal(9) } else { Exit::Code(i32::from(code % 3)) };
                    self.end(i, exit);
                }
            }
            Event::Pass(milliseconds) => {
                self.now += Duration::from_millis(u64::from(milliseconds));
                self.core.tick(self.now);
            }
            Event::Want(who, up) => {
                let i = who % self.all.len();
                if up {
                    self.forget_holds();
                }
                self.core.want(&[i], up, self.now);
            }
            Event::Restart(who) => {
                self.forget_holds();
                self.core.restart(&[who % self.all.len()], self.now);
                self.core.rethink(self.now);
            }
            Event::StopAll => self.core.stop_all(self.now),
            Event::StartAll => {
                self.forget_holds();
                self.core.start_all(self.now);
            }
        }
        self.act();
    }

    /// A person who asks for a start does not wait for a back-off.
    fn forget_holds(&mut self) {
        self.held_until.clear();
    }

    /// Let time pass and everything go well until nothing changes any more.
    fn calm(&mut self) {
        for _ in 0..200 {
            for i in self.processes.keys().copied().collect::<Vec<_>>() {
                let (_, down, told) = self.processes[&i];
                if told || down || self.all[i].kind == Kind::Oneshot {
                    self.end(i, Exit::Code(0));
                } else {
                    self.core.ready(i, self.now);
                }
                self.act();
            }
            self.now += Duration::from_secs(1);
            self.core.tick(self.now);
            self.act();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// Whatever happens: nobody starts before what it needs is ready or before its back-off is over, nobody is stopped
    /// before those who need it are gone, the policy is kept; and when all is well again, all that can be is up.
    #[test]
    fn services_start_and_stop_in_order(
        all in prop::collection::vec(made(), 1..8),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut world = World::new(all);
        world.core.start_all(world.now);
        world.act();
        for event in events {
            world.happens(event);
        }
        world.forget_holds();
        world.core.start_all(world.now);
        world.act();
        world.calm();
        for i in 0..world.all.len() {
            let svc = world.core.get(i).unwrap();
            let held = world.needs(i).iter().any(|&need| world.core.get(need).unwrap().phase != Phase::Up);
            let expected = if held { Phase::Waiting } else if world.all[i].broken {
                prop_assert!(matches!(svc.phase, Phase::Failed | Phase::Backoff | Phase::Starting), "s{i}: {:?}", svc.phase);
                continue;
            } else { Phase::Up };
            prop_assert_eq!(svc.phase, expected, "s{}", i);
        }
    }

    /// From any moment on, stopping everything ends with no process, in reverse order (the rules of `stops`).
    #[test]
    fn everything_can_be_stopped_at_any_moment(
        all in prop::collection::vec(made(), 1..8),
        events in prop::collection::vec(event(), 0..40),
    ) {
        let mut world = World::new(all);
        world.core.start_all(world.now);
        world.act();
        for event in events {
            world.happens(event);
        }
        world.core.stop_all(world.now);
        world.act();
        world.calm();
        prop_assert!(world.core.all_down());
        prop_assert!(world.processes.is_empty());
        prop_assert_eq!(world.core.next_deadline(), None, "something is still to be done");
    }

    /// A process that ignores its stop signal is killed when its grace is over, and not before.
    #[test]
    fn the_deaf_are_killed_after_their_grace(all in prop::collection::vec(made(), 1..8)) {
        let mut world = World::new(all);
        world.core.start_all(world.now);
        world.act();
        world.calm();
        world.core.stop_all(world.now);
        let mut steps = 0;
        while !world.core.all_down() {
            world.act();
            let told = world.processes.clone();
            let due = world.core.next_deadline().expect("somebody is waited for");
            prop_assert!(due > world.now && due <= world.now + Duration::from_secs(61));
            world.now = due - Duration::from_millis(1);
            world.core.tick(world.now);
            world.act();
            prop_assert_eq!(&world.processes, &told, "killed before its grace was over");
            world.now = due;
            world.core.tick(world.now);
            world.act();
            steps += 1;
            prop_assert!(steps < 100);
        }
    }
}
