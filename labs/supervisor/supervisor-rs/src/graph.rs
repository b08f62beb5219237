//! Who waits for whom. A graph is a list: `graph[i]` are the numbers of those that `i` depends on.

/// Cycles, each a path whose last number is its first; a number depends on the one after it.
///
/// Numbers that all reach each other (strongly connected components) give one path, a shortest one through the
/// lowest of them. Empty exactly when the graph has an order.
pub fn cycles(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut left: Vec<bool> = vec![true; graph.len()];
    for node in settled(graph) {
        left[node] = false;
    }
    let mut paths = Vec::new();
    for start in 0..graph.len() {
        if !left[start] {
            continue;
        }
        // What is left also holds those that merely depend on a cycle: only who gets back to itself is on one.
        if let Some(path) = way_back(graph, start) {
            for node in reach(graph, start) {
                if reach(graph, node).contains(&start) {
                    left[node] = false;
                }
            }
            paths.push(path);
        }
    }
    paths
}

/// Every number after all it depends on; those on a cycle, and what depends on them, are left out (Kahn, 1962).
pub fn settled(graph: &[Vec<usize>]) -> Vec<usize> {
    let needed_by = reverse(graph);
    let mut missing: Vec<usize> = graph.iter().map(Vec::len).collect();
    let mut done: Vec<usize> = (0..graph.len()).filter(|&node| missing[node] == 0).collect();
    let mut next = 0;
    while next < done.len() {
        for &waiting in &needed_by[done[next]] {
            missing[waiting] -= 1;
            if missing[waiting] == 0 {
                done.push(waiting);
            }
        }
        next += 1;
    }
    done
}

/// `reverse(graph)[i]` are those that depend on `i`.
pub fn reverse(graph: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut needed_by = vec![Vec::new(); graph.len()];
    for (node, needs) in graph.iter().enumerate() {
        for &need in needs {
            needed_by[need].push(node);
        }
    }
    needed_by
}

/// All that `start` depends on, directly or through others.
pub fn reach(graph: &[Vec<usize>], start: usize) -> Vec<usize> {
    let mut seen = vec![false; graph.len()];
    let mut found = Vec::new();
    let mut border = vec![start];
    while let Some(node) = border.pop() {
        for &need in &graph[node] {
            if !seen[need] {
                seen[need] = true;
                found.push(need);
                border.push(need);
            }
        }
    }
    found
}

/// A shortest path from `start` back to itself (breadth first).
fn way_back(graph: &[Vec<usize>], start: usize) -> Option<Vec<usize>> {
    let mut came_from: Vec<Option<usize>> = vec![None; graph.len()];
    let mut border = vec![start];
    while !border.is_empty() && came_from[start].is_none() {
        let mut following = Vec::new();
        for &node in &border {
            for &need in &graph[node] {
                if came_from[need].is_none() {
                    came_from[need] = Some(node);
                    following.push(need);
                }
            }
        }
        border = following;
    }
    let mut path = vec![start];
    let mut node = came_from[start]?;
    while node != start {
        path.push(node);
        node = came_from[node]?;
    }
    path.push(start);
    path.reverse();
    Some(path)
}

/// The same graph without the nodes for which `is_bundle` holds: who depended on one depends on its members.
/// Bundles themselves keep an entry: all their members that are no bundles. The graph has no cycle.
pub fn expand(graph: &[Vec<usize>], is_bundle: &[bool]) -> Vec<Vec<usize>> {
    let mut plain: Vec<Vec<usize>> = vec![Vec::new(); graph.len()];
    for node in settled(graph) {
        let mut flat: Vec<usize> = Vec::new();
        for &need in &graph[node] {
            if is_bundle[need] {
                flat.extend(&plain[need]);
            } else {
                flat.push(need);
            }
        }
        flat.sort_unstable();
        flat.dedup();
        plain[node] = flat;
    }
    plain
}
