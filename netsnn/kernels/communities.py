"""Scores that look at the whole local community of each pair of nodes in an undirected graph.

Unlike in a bipartite layer, a node z may neighbour both u and v; its internal links then depend on all three, and
no product form exists. Each pair's paths are listed once: for one u, the lists N(u) & N(b) of every b two steps
away are stored, and the paths to v are those of the b in N(v).

Node values come as tables: one[offset[z] + internal] for nodes that neighbour u or v, both[...] for nodes that
neighbour both.
"""

import numpy as np
from numba import uint32, uint64

from netsnn.kernels.compile import kernel

SUM_OF_PATHS, SUM_OF_NODES, CAR, CPA, CJC, BJC = 0, 1, 2, 3, 4, 5


@kernel
def common_neighbours(indptr, indices, u, mark, near, common, list_at, reach, lists):
    """Mark N(u) in `near`, and list N(u) & N(b) for every b two steps from u: common[b] of them from lists[list_at[b]].

    Returns how many b there are (in `reach`), and the lists, made longer if need be.
    """
    one = uint64(1)
    reached, size = uint64(0), uint64(0)
    for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
        a = uint64(indices[i])
        near[a] = mark
        for j in range(uint64(indptr[a]), uint64(indptr[a + one])):
            b = indices[j]
            if uint64(b) != u:
                reach[reached] = b
                reached += uint64(common[b] == uint32(0))
                common[b] += uint32(1)
    for i in range(reached):
        b = reach[i]
        list_at[b] = size
        size += uint64(common[b])
        common[b] = uint32(0)
    if size > uint64(len(lists)):
        lists = np.empty(size * uint64(2), np.uint32)
    for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
        a = uint64(indices[i])
        for j in range(uint64(indptr[a]), uint64(indptr[a + one])):
            b = indices[j]
            if uint64(b) != u:
                lists[list_at[b] + uint64(common[b])] = uint32(a)
                common[b] += uint32(1)
    return reached, lists


@kernel
def community3(indptr, indices, offset, one_table, both_table, community_of_nodes, rule, rows, pair_ptr, pair_col,
               first_col, upper, out_ptr, out_col, out_val):
    """L3 scores of u in `rows` with each v of pair_col (or, if that is empty, with each unlinked v on some path).

    `rule`: SUM_OF_PATHS adds the product of both nodes' values, SUM_OF_NODES adds each node's value once,
    the others combine the numbers of nodes and paths (bipartite graphs only). The internal links of a node are those on some path u..v, or with
    `community_of_nodes` those to any node on some path. u and v themselves are never inside.
    """
    n = uint64(len(indptr) - 1)
    one = uint64(1)
    given = len(pair_ptr) > 1
    near_u, near_v, inside = np.zeros(n, np.uint32), np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    u_mark, v_mark = uint32(0), uint32(0)
    common, list_at = np.zeros(n, np.uint32), np.zeros(n, np.uint64)
    reach = np.empty(n + one, np.uint32)
    lists = np.empty(1024, np.uint32)
    internal, value, members = np.zeros(n, np.uint32), np.zeros(n, np.float64), np.empty(n + one, np.uint32)
    target, seen = np.empty(n + one, np.uint32), np.zeros(n, np.uint32)
    m = uint64(0)
    for r in range(len(rows)):
        u = uint64(rows[r])
        u_mark += uint32(1)
        reached, lists = common_neighbours(indptr, indices, u, u_mark, near_u, common, list_at, reach, lists)
        # which v
        targets = uint64(0)
        if given:
            for i in range(uint64(pair_ptr[r]), uint64(pair_ptr[r + 1])):
                target[targets] = pair_col[i]
                targets += one
        else:
            for i in range(reached):
                b = uint64(reach[i])
                for j in range(uint64(indptr[b]), uint64(indptr[b + one])):
                    v = indices[j]
                    if seen[v] != u_mark and near_u[v] != u_mark and uint64(v) != u and (v > u or not upper):
                        seen[v] = u_mark
                        target[targets] = v
                        targets += one
        for k in range(targets):
            v = uint64(target[k])
            v_mark += uint32(1)
            n_members, n_u_side, n_v_side, paths = uint64(0), uint64(0), uint64(0), uint64(0)
            for i in range(uint64(indptr[v]), uint64(indptr[v + one])):
                near_v[indices[i]] = v_mark
            for i in range(uint64(indptr[v]), uint64(indptr[v + one])):
                b = uint64(indices[i])
                if b == u or common[b] == uint32(0):
                    continue
                b_both = near_u[b] == u_mark
                any_path = False
                for j in range(list_at[b], list_at[b] + uint64(common[b])):
                    a = uint64(lists[j])
                    if a == v:
                        continue
                    any_path = True
                    paths += one
                    if inside[a] != v_mark:
                        inside[a] = v_mark
                        internal[a] = uint32(0)
                        members[n_members] = a
                        n_members += one
                        n_u_side += one
                    # with a and b near both ends the link lies on two paths, but is one link
                    if not (b_both and near_v[a] == v_mark and a > b):
                        internal[a] += uint32(1)
                        if inside[b] != v_mark:
                            inside[b] = v_mark
                            internal[b] = uint32(0)
                            members[n_members] = b
                            n_members += one
                        internal[b] += uint32(1)
                if any_path:
                    n_v_side += one
            if community_of_nodes:
                for i in range(n_members):
                    z = uint64(members[i])
                    links = uint32(0)
                    for j in range(uint64(indptr[z]), uint64(indptr[z + one])):
                        links += uint32(inside[indices[j]] == v_mark)
                    internal[z] = links
            score = 0.0
            for i in range(n_members):
                z = uint64(members[i])
                at = offset[z] + uint64(internal[z])
                value[z] = both_table[at] if near_u[z] == u_mark and near_v[z] == v_mark else one_table[at]
                score += value[z]
            if rule == SUM_OF_PATHS:
                score = 0.0
                for i in range(uint64(indptr[v]), uint64(indptr[v + one])):
                    b = uint64(indices[i])
                    if b == u or common[b] == uint32(0):
                        continue
                    part = 0.0
                    for j in range(list_at[b], list_at[b] + uint64(common[b])):
                        a = uint64(lists[j])
                        if a != v:
                            part += value[a]
                    score += value[b] * part
            elif rule == CAR:
                score = float(n_members) * float(paths)
            elif rule == CJC or rule == BJC:  # in a bipartite graph N(u) and N(v) have nothing in common
                both = float(indptr[u + one] - indptr[u]) + float(indptr[v + one] - indptr[v])
                score = float(n_members) * (float(paths) if rule == CJC else 1.0) / both if n_members else 0.0
            elif rule == CPA:
                car = float(n_members) * float(paths)
                linked = 1.0 if near_u[v] == u_mark else 0.0
                free_u = float(indptr[u + one] - indptr[u]) - float(n_u_side) - linked
                free_v = float(indptr[v + one] - indptr[v]) - float(n_v_side) - linked
                score = free_u * free_v + free_u * car + free_v * car + car * car
            out_col[m] = uint32(v - uint64(first_col))
            out_val[m] = score
            m += uint64(given or score != 0.0 or rule == CPA)
        for i in range(reached):
            common[reach[i]] = uint32(0)
        out_ptr[r + 1] = m


@kernel
def community2(indptr, indices, offset, table, rule, rows, pair_ptr, pair_col, upper, out_ptr, out_col, out_val):
    """L2 scores of u in `rows` with each v of pair_col (or, if that is empty, with each unlinked v that shares a neighbour).

    The community is the common neighbours z; internal links of z are those to other common neighbours. SUM_OF_NODES
    adds table[offset[z] + internal]; CAR, CPA and CJC combine the numbers of common neighbours and of links among them.
    """
    n = uint64(len(indptr) - 1)
    one = uint64(1)
    given = len(pair_ptr) > 1
    near_u, inside = np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    common, list_at = np.zeros(n, np.uint32), np.zeros(n, np.uint64)
    reach = np.empty(n + one, np.uint32)
    lists = np.empty(1024, np.uint32)
    u_mark, v_mark, m = uint32(0), uint32(0), uint64(0)
    for r in range(len(rows)):
        u = uint64(rows[r])
        u_mark += uint32(1)
        reached, lists = common_neighbours(indptr, indices, u, u_mark, near_u, common, list_at, reach, lists)
        targets = uint64(pair_ptr[r + 1]) - uint64(pair_ptr[r]) if given else reached
        for k in range(targets):
            v = uint64(pair_col[uint64(pair_ptr[r]) + k]) if given else uint64(reach[k])
            if not given and (near_u[v] == u_mark or (upper and v < u)):
                continue
            v_mark += uint32(1)
            score, links = 0.0, uint64(0)
            for j in range(list_at[v], list_at[v] + uint64(common[v])):
                inside[lists[j]] = v_mark
            for j in range(list_at[v], list_at[v] + uint64(common[v])):
                z = uint64(lists[j])
                internal = uint64(0)
                for i in range(uint64(indptr[z]), uint64(indptr[z + one])):
                    internal += uint64(inside[indices[i]] == v_mark)
                links += internal
                score += table[offset[z] + internal]
            if rule != SUM_OF_NODES and rule != SUM_OF_PATHS:
                shared = float(common[v])
                car = shared * float(links) / 2.0
                score = car
                if rule == CJC and links:
                    score = car / (float(indptr[u + one] - indptr[u]) + float(indptr[v + one] - indptr[v]) - shared)
                if rule == CPA:
                    linked = 1.0 if near_u[v] == u_mark else 0.0
                    free_u = float(indptr[u + one] - indptr[u]) - shared - linked
                    free_v = float(indptr[v + one] - indptr[v]) - shared - linked
                    score = free_u * free_v + free_u * car + free_v * car + car * car
            out_col[m] = uint32(v)
            out_val[m] = score
            m += uint64(given or score != 0.0 or rule == CPA)
        for i in range(reached):
            common[reach[i]] = uint32(0)
        out_ptr[r + 1] = m
