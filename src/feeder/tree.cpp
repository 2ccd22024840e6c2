#include "dec/feeder/tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

#include "checks.hpp"

namespace dec::feeder {

namespace {

/// A conducting connection between two places: buses first, then the star points of three-winding transformers.
struct Edge {
    Feeding feeding;                     // `upstream` is set when the edge is used
    std::array<std::int32_t, 2> ends{};  // place at end 0 and end 1
    [[nodiscard]] std::int32_t other(std::int32_t place) const { return ends[0] == place ? ends[1] : ends[0]; }
    [[nodiscard]] std::uint8_t end_at(std::int32_t place) const { return ends[0] == place ? 0 : 1; }
};

struct Network {
    std::vector<Edge> edges;
    std::vector<std::int32_t> first_at, at;  // edges of each place, in the feeder's order: at[first_at[place]] and on
    std::vector<Index<Transformer>> star_points;  // of places from buses.size() on

    [[nodiscard]] std::size_t places() const { return first_at.size() - 1; }
    [[nodiscard]] std::span<std::int32_t const> at_place(std::int32_t place) const {
        auto const first = static_cast<std::size_t>(first_at[static_cast<std::size_t>(place)]);
        auto const end = static_cast<std::size_t>(first_at[static_cast<std::size_t>(place) + 1]);
        return std::span{at}.subspan(first, end - first);
    }
};

bool is_centre_tapped(Transformer const& unit) {
    return unit.winding[1].bus == unit.winding[2].bus && unit.winding[2].bus.valid();
}

/// Which switches conduct: those that are closed, or all.
enum class Switches { as_they_stand, all_closed };

Network connect(Feeder const& feeder, Switches switches) {
    Network net;
    auto const buses = static_cast<std::int32_t>(feeder.buses.size());
    auto const add = [&](Feeding::Kind kind, std::int32_t element, std::uint8_t winding, std::int32_t a,
                         std::int32_t b) {
        net.edges.push_back({{kind, element, 0, winding}, {a, b}});
    };
    net.edges.reserve(feeder.lines.size() + feeder.switches.size() + feeder.series_compensators.size() +
                      3 * feeder.transformers.size());
    for (auto id : feeder.lines.ids())
        add(Feeding::Kind::line, id.value(), 0, feeder.lines[id].from.value(), feeder.lines[id].to.value());
    for (auto id : feeder.switches.ids())
        if (switches == Switches::all_closed || !feeder.switches[id].closed.empty())
            add(Feeding::Kind::switch_, id.value(), 0, feeder.switches[id].from.value(),
                feeder.switches[id].to.value());
    for (auto id : feeder.series_compensators.ids()) {
        auto const& c = feeder.series_compensators[id];
        add(Feeding::Kind::series_compensator, id.value(), 0, c.from.value(), c.to.value());
    }
    for (auto id : feeder.transformers.ids()) {
        auto const& unit = feeder.transformers[id];
        auto const windings = feeder.transformer_codes[unit.code].windings;
        if (windings == 2 || is_centre_tapped(unit)) {
            add(Feeding::Kind::transformer, id.value(), 0, unit.winding[0].bus.value(), unit.winding[1].bus.value());
            continue;
        }
        auto const star = buses + static_cast<std::int32_t>(net.star_points.size());
        net.star_points.push_back(id);
        for (std::uint8_t w = 0; w < windings; ++w)
            add(Feeding::Kind::star_member, id.value(), w, unit.winding[w].bus.value(), star);
    }
    net.first_at.assign(feeder.buses.size() + net.star_points.size() + 1, 0);
    for (auto const& edge : net.edges)
        for (std::int32_t end : edge.ends) ++net.first_at[static_cast<std::size_t>(end) + 1];
    std::partial_sum(net.first_at.begin(), net.first_at.end(), net.first_at.begin());
    net.at.resize(2 * net.edges.size());
    auto next = net.first_at;
    for (std::size_t e = 0; e < net.edges.size(); ++e)
        for (std::int32_t end : net.edges[e].ends)
            net.at[static_cast<std::size_t>(next[static_cast<std::size_t>(end)]++)] = static_cast<std::int32_t>(e);
    return net;
}

struct Named {
    std::string_view label, name, mrid;
};

Named named(Feeder const& feeder, Feeding const& feeding) {
    auto const of = [&](std::string_view label, auto const& table) {
        auto const id = typename std::decay_t<decltype(table)>::Id{feeding.element};
        return Named{label, table.name(id), table.mrid(id)};
    };
    switch (feeding.kind) {
        case Feeding::Kind::source_impedance: return of("source", feeder.sources);
        case Feeding::Kind::line: return of("line", feeder.lines);
        case Feeding::Kind::switch_: return of("switch", feeder.switches);
        case Feeding::Kind::series_compensator: return of("series compensator", feeder.series_compensators);
        default: return of("transformer", feeder.transformers);
    }
}

/// Phases of an edge at one of its ends.
PhaseSet phases_at(Feeder const& feeder, Feeding const& feeding, std::uint8_t end,
                   Switches switches = Switches::as_they_stand) {
    switch (feeding.kind) {
        case Feeding::Kind::line: return feeder.lines[Index<Line>{feeding.element}].phase_set();
        case Feeding::Kind::switch_: {
            auto const& row = feeder.switches[Index<Switch>{feeding.element}];
            return switches == Switches::all_closed ? row.phases : row.closed;
        }
        case Feeding::Kind::series_compensator:
            return feeder.series_compensators[Index<SeriesCompensator>{feeding.element}].phases;
        case Feeding::Kind::transformer: {
            auto const& unit = feeder.transformers[Index<Transformer>{feeding.element}];
            if (end == 1 && is_centre_tapped(unit)) return unit.phases(1) | unit.phases(2);
            return unit.phases(end);
        }
        case Feeding::Kind::star_member:
            return feeder.transformers[Index<Transformer>{feeding.element}].phases(feeding.winding);
        case Feeding::Kind::source_impedance: break;
    }
    return PhaseSet::abc();
}

/// Phases that an edge brings to its far end when `energised` phases stand at its near end.
PhaseSet conducted(Feeder const& feeder, Feeding const& feeding, std::uint8_t near_end, PhaseSet energised,
                   Switches switches = Switches::as_they_stand) {
    auto const near = phases_at(feeder, feeding, near_end, switches);
    if (feeding.kind == Feeding::Kind::transformer) {
        bool const fed = energised.contains(near);
        return fed ? phases_at(feeder, feeding, near_end == 0 ? 1 : 0) : PhaseSet{};
    }
    return near & energised;
}

/// Which way centre-tapped units conduct.
enum class Secondaries { both_ways, only_fed };

/// Phases that can arrive at each place (buses, then star points) by any way, loops or not. What is missing with all
/// switches closed is no matter of switching.
std::vector<PhaseSet> reachable_phases(Feeder const& feeder, Switches switches, Secondaries secondaries) {
    auto const net = connect(feeder, switches);
    auto const is_blocked = [&](Feeding const& feeding, std::uint8_t near_end) {
        return secondaries == Secondaries::only_fed && near_end == 1 && feeding.kind == Feeding::Kind::transformer &&
               is_centre_tapped(feeder.transformers[Index<Transformer>{feeding.element}]);
    };
    std::vector<PhaseSet> reached(net.places());
    auto const source = feeder.sources.rows()[0].bus;
    reached[source.at()] = PhaseSet::abc();
    std::vector<std::int32_t> grown{source.value()};
    while (!grown.empty()) {
        auto const place = grown.back();
        grown.pop_back();
        for (auto e : net.at_place(place)) {
            auto const& edge = net.edges[static_cast<std::size_t>(e)];
            if (is_blocked(edge.feeding, edge.end_at(place))) continue;
            auto& there = reached[static_cast<std::size_t>(edge.other(place))];
            auto const more = there | conducted(feeder, edge.feeding, edge.end_at(place),
                                                reached[static_cast<std::size_t>(place)], switches);
            if (more == there) continue;
            there = more;
            grown.push_back(edge.other(place));
        }
    }
    return reached;
}

/// A single-phase unit with both coils across two phases, as open-delta banks are made of.
bool is_between_phases(Feeder const& feeder, Feeding const& feeding) {
    if (feeding.kind != Feeding::Kind::transformer) return false;
    auto const& unit = feeder.transformers[Index<Transformer>{feeding.element}];
    return std::ranges::all_of(std::array<std::size_t, 2>{0, 1}, [&](std::size_t w) {
        auto const& conductors = unit.winding[w].conductors;
        return unit.phases(w).size() == 2 && !unit.phases(w).has_legs() &&
               std::ranges::find(conductors, Conductor::neutral) == conductors.end();
    });
}

/// Neutral reference is lost behind a delta winding, a wye without neutral and single units that sit between phases.
bool floating_behind(Feeder const& feeder, Feeding const& feeding, bool floating_before) {
    bool const to_winding = feeding.kind == Feeding::Kind::transformer ||
                            (feeding.kind == Feeding::Kind::star_member && feeding.upstream == 1);
    if (!to_winding) return floating_before;
    auto const& unit = feeder.transformers[Index<Transformer>{feeding.element}];
    std::size_t const w = feeding.kind == Feeding::Kind::star_member ? feeding.winding : feeding.upstream == 0 ? 1 : 0;
    if (feeder.transformer_codes[unit.code].winding[w].connection == Connection::delta) return true;
    auto const& conductors = unit.winding[w].conductors;
    bool const neutral = std::ranges::find(conductors, Conductor::neutral) != conductors.end();
    return !neutral && !unit.winding[w].grounded && unit.phases(w).size() >= 2 && !unit.phases(w).has_legs();
}

double length_of(Feeder const& feeder, Feeding const& feeding) {
    if (feeding.kind != Feeding::Kind::line) return 0.0;
    return feeder.lines[Index<Line>{feeding.element}].length_m;
}

/// Builds the tree from the source down.
class Hanging {
  public:
    Hanging(Feeder const& feeder, std::vector<PhaseSet> const& reachable, Findings& findings, Loops loops)
        : feeder_{feeder},
          reachable_{reachable}, findings_{findings}, loops_{loops}, net_{connect(feeder, Switches::as_they_stand)},
          claims_(net_.places()), edge_done_(net_.edges.size(), false) {}

    Tree run() {
        tree_.vertex_of_bus.assign(feeder_.buses.size(), -1);
        tree_.vertices.reserve(net_.places() + 1);
        tree_.feedings.reserve(net_.edges.size() + 1);
        claimed_.reserve(net_.edges.size() + 1);
        tree_.vertices.push_back({.kind = Vertex::Kind::ideal_source, .phases = PhaseSet::abc()});
        auto const source_bus = feeder_.sources.rows()[0].bus.value();
        claimed_.push_back({Feeding::Kind::source_impedance, 0, 0, 0});
        claims_[static_cast<std::size_t>(source_bus)] = {true, 0, -1, PhaseSet::abc(), false, 0.0, 0, 1};
        std::vector<std::int32_t> open{source_bus};
        while (!open.empty()) {
            auto const place = open.back();
            open.pop_back();
            visit(place, open);
        }
        report_fed_backwards();
        if (loops_ == Loops::allowed && has_loops_) add_ties();
        return std::move(tree_);
    }
    [[nodiscard]] bool has_loops() const { return has_loops_; }
    /// True if a branch was found to need a phase that its bus does not have.
    [[nodiscard]] bool lacks_phases() const { return lacks_phases_; }

  private:
    struct Claim {
        bool claimed = false;
        std::int32_t parent_vertex = -1;
        std::int32_t parent_place = -1;
        PhaseSet phases;
        bool floating_delta = false;
        double distance_m = 0.0;
        std::int32_t first_feeding = 0, feedings = 0;  // in claimed_
    };
    [[nodiscard]] std::span<Feeding const> feedings_of(Claim const& claim) const {
        return std::span{claimed_}.subspan(static_cast<std::size_t>(claim.first_feeding),
                                           static_cast<std::size_t>(claim.feedings));
    }

    void visit(std::int32_t place, std::vector<std::int32_t>& open) {
        auto& claim = claims_[static_cast<std::size_t>(place)];
        auto const vertex = add_vertex(place, claim);
        // Children are pushed in reverse, so that the first is visited first.
        children_.clear();
        for (auto e : net_.at_place(place)) {
            auto const neighbour = net_.edges[static_cast<std::size_t>(e)].other(place);
            if (edge_done_[static_cast<std::size_t>(e)]) continue;
            if (claims_[static_cast<std::size_t>(neighbour)].claimed) {
                if (loops_ == Loops::refused) report_loop(place, neighbour);
                else tie(place, neighbour);
                continue;
            }
            if (loops_ == Loops::allowed && leads_up_a_service(net_.edges[static_cast<std::size_t>(e)], place))
                continue;
            if (claim_child(place, vertex, neighbour)) children_.push_back(neighbour);
        }
        open.insert(open.end(), children_.rbegin(), children_.rend());
    }

    /// Through a service transformer from its secondary: where there are loops it is reached from above as well, or it is dark.
    [[nodiscard]] bool leads_up_a_service(Edge const& edge, std::int32_t place) const {
        return edge.end_at(place) == 1 && edge.feeding.kind == Feeding::Kind::transformer &&
               is_centre_tapped(feeder_.transformers[Index<Transformer>{edge.feeding.element}]);
    }

    std::int32_t add_vertex(std::int32_t place, Claim const& claim) {
        auto const position = static_cast<std::int32_t>(tree_.vertices.size());
        Vertex vertex;
        if (static_cast<std::size_t>(place) < feeder_.buses.size()) {
            vertex.bus = Index<Bus>{place};
            tree_.vertex_of_bus[vertex.bus.at()] = position;
        } else {
            vertex.kind = Vertex::Kind::star_point;
            vertex.transformer = net_.star_points[static_cast<std::size_t>(place) - feeder_.buses.size()];
        }
        vertex.parent = claim.parent_vertex;
        vertex.phases = claim.phases;
        vertex.floating_delta = claim.floating_delta;
        vertex.distance_m = claim.distance_m;
        vertex.first_feeding = static_cast<std::int32_t>(tree_.feedings.size());
        vertex.feedings = claim.feedings;
        auto const feedings = feedings_of(claim);
        tree_.feedings.insert(tree_.feedings.end(), feedings.begin(), feedings.end());
        tree_.vertices.push_back(vertex);
        return position;
    }

    /// All edges between `place` and `child` together feed the child. \return false if they bring no phase to it.
    bool claim_child(std::int32_t place, std::int32_t vertex, std::int32_t child) {
        auto const& parent = claims_[static_cast<std::size_t>(place)];
        Claim claim{.claimed = true,
                    .parent_vertex = vertex,
                    .parent_place = place,
                    .first_feeding = static_cast<std::int32_t>(claimed_.size())};
        bool floating = true;
        double length = 0.0;
        for (auto e : net_.at_place(place)) {
            auto& edge = net_.edges[static_cast<std::size_t>(e)];
            if (edge.other(place) != child) continue;
            auto const near = edge.end_at(place);
            auto feeding = edge.feeding;
            feeding.upstream = near;
            if (near == 1 && feeding.kind == Feeding::Kind::star_member)
                feeding.fed_winding = feedings_of(parent).front().winding;
            check_arrival(place, feeding);
            auto const phases = conducted(feeder_, feeding, near, parent.phases);
            edge_done_[static_cast<std::size_t>(e)] = true;
            if (phases.empty()) continue;
            if (feeding.kind == Feeding::Kind::transformer && near == 1 &&
                is_centre_tapped(feeder_.transformers[Index<Transformer>{feeding.element}]))
                fed_backwards_.push_back(feeding);
            claim.phases = claim.phases | phases;
            claimed_.push_back(feeding);
            ++claim.feedings;
            floating = floating && floating_behind(feeder_, feeding, parent.floating_delta);
            length = std::max(length, length_of(feeder_, feeding));
        }
        claim.floating_delta = floating;
        claim.distance_m = parent.distance_m + length;
        if (claim.phases.empty()) return false;
        check_side_by_side(feedings_of(claim));
        if (claim.phases.has_legs() && claim.phases.has_primary())
            findings_.add(text(feedings_of(claim).front()),
                          fmt::format("feeds a bus with phases {}", to_text(claim.phases)),
                          "a bus is either on A, B, C or on s1, s2");
        claims_[static_cast<std::size_t>(child)] = claim;
        return true;
    }

    /// A branch needs all its phases at its upstream end. One finding where the phase is first missing, none further down.
    void check_arrival(std::int32_t place, Feeding const& feeding) {
        auto const at = static_cast<std::size_t>(place);
        if (at >= feeder_.buses.size()) return;
        auto missing = phases_at(feeder_, feeding, feeding.upstream) - reachable_[at];
        for (auto const& above : feedings_of(claims_[at]))
            missing = missing - phases_at(feeder_, above, above.upstream == 0 ? 1 : 0);
        if (missing.empty()) return;
        lacks_phases_ = true;
        auto const bus = feeder_.buses.name(Index<Bus>{place});
        findings_.add(text(feeding),
                      fmt::format("needs phase{} {} at bus {}", missing.size() > 1 ? "s" : "", to_text(missing), bus),
                      fmt::format("bus {} is fed with {}", bus, to_text(reachable_[at])));
    }

    /// Branches side by side must not carry the same phase. Parallel transformers may, and so may an open-delta pair and the
    /// jumper on its common phase.
    void check_side_by_side(std::span<Feeding const> feedings) {
        for (std::size_t i = 0; i < feedings.size(); ++i)
            for (std::size_t k = 0; k < i; ++k) {
                auto const shared = far_phases(feedings[i]) & far_phases(feedings[k]);
                if (shared.empty()) continue;
                if (may_share_phases(feedings, feedings[k], feedings[i], shared)) {
                    check_turned_alike(feedings[i], feedings[k]);
                    continue;
                }
                bool const bank =
                    feedings[i].kind == Feeding::Kind::transformer && feedings[k].kind == Feeding::Kind::transformer;
                if (!bank && loops_ == Loops::allowed) {
                    has_loops_ = true;
                    continue;
                }
                findings_.add(text(feedings[i]),
                              fmt::format("{} {} on phase {}", bank ? "stands beside" : "closes a loop with",
                                          text(feedings[k]), to_text(shared)),
                              bank ? "side by side are parallel units with impedances and the same phases, open-delta "
                                     "pairs, or units "
                                     "on phases of their own; give a closed bank as one three-phase transformer"
                                   : "a feeder is radial here; remove or open one of them");
            }
    }
    /// Parallel three-phase units must turn the voltages by the same angle: else they short-circuit each other.
    void check_turned_alike(Feeding const& a, Feeding const& b) {
        auto const is_three_phase = [&](Feeding const& f) {
            return f.kind == Feeding::Kind::transformer && far_phases(f) == PhaseSet::abc();
        };
        if (!is_three_phase(a) || !is_three_phase(b)) return;
        auto const hours = [&](Feeding const& f) {
            auto const& code = feeder_.transformer_codes[feeder_.transformers[Index<Transformer>{f.element}].code];
            return (code.winding[1 - f.upstream].clock - code.winding[f.upstream].clock + 24) % 12;
        };
        if (hours(a) == hours(b)) return;
        findings_.add(
            text(a),
            fmt::format("turns the voltages by clock {}, {} beside it by clock {}", hours(a), text(b), hours(b)),
            "parallel units need the same clock");
    }
    [[nodiscard]] PhaseSet far_phases(Feeding const& feeding) const {
        return phases_at(feeder_, feeding, feeding.upstream == 0 ? 1 : 0);
    }
    [[nodiscard]] bool may_share_phases(std::span<Feeding const> all, Feeding const& a, Feeding const& b,
                                        PhaseSet shared) const {
        bool const both = a.kind == Feeding::Kind::transformer && b.kind == Feeding::Kind::transformer;
        if (both && are_parallel(a, b)) return true;
        std::vector<Feeding> tanks;
        std::ranges::copy_if(all, std::back_inserter(tanks),
                             [&](auto const& f) { return is_between_phases(feeder_, f); });
        if (tanks.size() != 2) return false;
        auto const common = far_phases(tanks[0]) & far_phases(tanks[1]);
        bool const tank_among_them = is_between_phases(feeder_, a) || is_between_phases(feeder_, b);
        return common.size() == 1 && shared == common && tank_among_them &&
               (both || is_line_or_switch(a) || is_line_or_switch(b));
    }
    /// On the same phases on both sides, and with impedances that say how they share the load.
    [[nodiscard]] bool are_parallel(Feeding const& a, Feeding const& b) const {
        auto const has_impedance = [&](Feeding const& f) {
            auto const& unit = feeder_.transformers[Index<Transformer>{f.element}];
            auto const& test = feeder_.transformer_codes[unit.code].short_circuit[0];
            return test.r_ohm != 0.0 || test.x_ohm != 0.0;
        };
        return far_phases(a) == far_phases(b) &&
               phases_at(feeder_, a, a.upstream) == phases_at(feeder_, b, b.upstream) && has_impedance(a) &&
               has_impedance(b);
    }
    [[nodiscard]] static bool is_line_or_switch(Feeding const& f) {
        return f.kind == Feeding::Kind::line || f.kind == Feeding::Kind::switch_;
    }

    /// A way round a loop may lead up through a service transformer that is fed from above as well.
    void report_fed_backwards() {
        if (fed_backwards_.empty()) return;
        auto const from_above = reachable_phases(feeder_, Switches::as_they_stand, Secondaries::only_fed);
        for (auto const& feeding : fed_backwards_) {
            auto const& unit = feeder_.transformers[Index<Transformer>{feeding.element}];
            if (!has_loops_ || !from_above[unit.winding[0].bus.at()].contains(unit.phases(0)))
                findings_.add(text(feeding), "is fed from its secondary", "open the connection behind it");
        }
    }

    /// All edges between two places that have their feeders already.
    void tie(std::int32_t a, std::int32_t b) {
        has_loops_ = true;
        std::vector<std::int32_t> members;
        for (auto e : net_.at_place(a)) {
            if (net_.edges[static_cast<std::size_t>(e)].other(a) != b) continue;
            edge_done_[static_cast<std::size_t>(e)] = true;
            members.push_back(e);
        }
        auto const loop = loop_through(a, b);
        if (std::ranges::all_of(loop, [](Feeding const& f) { return f.kind == Feeding::Kind::switch_; }))
            findings_.add(text(net_.edges[static_cast<std::size_t>(members.front())].feeding),
                          fmt::format("closes the loop {} of switches alone: nothing says how they share a current",
                                      names_of(loop)),
                          "open one of them");
        ties_.push_back(std::move(members));
    }

    /// Once all places have their vertices: where the ties are, and what arrives at each place by any way.
    void add_ties() {
        std::vector<std::int32_t> vertex_of_place = tree_.vertex_of_bus;
        vertex_of_place.resize(net_.places(), -1);
        for (std::size_t i = 0; i < tree_.vertices.size(); ++i)
            if (tree_.vertices[i].kind == Vertex::Kind::star_point)
                vertex_of_place[feeder_.buses.size() +
                                static_cast<std::size_t>(
                                    std::ranges::find(net_.star_points, tree_.vertices[i].transformer) -
                                    net_.star_points.begin())] = static_cast<std::int32_t>(i);
        auto const arriving = reachable_phases(feeder_, Switches::as_they_stand, Secondaries::only_fed);
        for (std::size_t place = 0; place < arriving.size(); ++place)
            if (vertex_of_place[place] >= 0)
                tree_.vertices[static_cast<std::size_t>(vertex_of_place[place])].phases = arriving[place];
        for (auto const& members : ties_) {
            // Ends of transformers have a side from which they are wound: end 0.
            auto const ends = net_.edges[static_cast<std::size_t>(members.front())].ends;
            Tie tie{.from = vertex_of_place[static_cast<std::size_t>(ends[0])],
                    .to = vertex_of_place[static_cast<std::size_t>(ends[1])],
                    .first_feeding = static_cast<std::int32_t>(tree_.feedings.size())};
            for (auto e : members) {
                auto const& edge = net_.edges[static_cast<std::size_t>(e)];
                auto feeding = edge.feeding;
                feeding.upstream = edge.end_at(ends[0]);
                if (conducted(feeder_, feeding, feeding.upstream, arriving[static_cast<std::size_t>(ends[0])]).empty())
                    continue;
                tree_.feedings.push_back(feeding);
                ++tie.feedings;
            }
            if (tie.feedings > 0) tree_.ties.push_back(tie);
        }
    }

    /// Branches side by side, say the regulators of a bank, close one loop together.
    void report_loop(std::int32_t a, std::int32_t b) {
        has_loops_ = true;
        for (auto e : net_.at_place(a))
            if (net_.edges[static_cast<std::size_t>(e)].other(a) == b) edge_done_[static_cast<std::size_t>(e)] = true;
        auto const members = loop_through(a, b);
        std::vector<std::string_view> switches;
        for (auto const& member : members)
            if (member.kind == Feeding::Kind::switch_) switches.push_back(named(feeder_, member).name);
        findings_.add(text(members.front()), fmt::format("closes the loop {}", names_of(members)),
                      switches.empty()
                          ? std::string{"a feeder is radial here; remove one of these branches"}
                          : fmt::format("a feeder is radial here; open one of {}", fmt::join(switches, ", ")));
    }

    /// The branches between two places that are on the tree already, and those of the tree from each to where they meet.
    [[nodiscard]] std::vector<Feeding> loop_through(std::int32_t a, std::int32_t b) const {
        std::vector<Feeding> members;
        for (auto e : net_.at_place(a)) {
            auto const& edge = net_.edges[static_cast<std::size_t>(e)];
            if (edge.other(a) == b) members.push_back(edge.feeding);
        }
        auto const path_a = path_to_root(a);
        auto const path_b = path_to_root(b);
        auto ia = path_a.size();
        auto ib = path_b.size();
        while (ia > 0 && ib > 0 && path_a[ia - 1] == path_b[ib - 1]) {
            --ia;
            --ib;
        }
        for (std::size_t i = 0; i < ia; ++i) append(members, path_a[i]);
        for (std::size_t i = 0; i < ib; ++i) append(members, path_b[i]);
        return members;
    }
    [[nodiscard]] std::string names_of(std::vector<Feeding> const& members) const {
        std::vector<std::string> names;
        for (auto const& member : members)
            names.push_back(fmt::format("{} {}", named(feeder_, member).label, named(feeder_, member).name));
        constexpr std::size_t most = 12;
        auto const shown = std::min(names.size(), most);
        return fmt::format("{}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                           names.size() > most ? fmt::format(" and {} more", names.size() - most) : "");
    }

    void append(std::vector<Feeding>& members, std::int32_t place) const {
        auto const feedings = feedings_of(claims_[static_cast<std::size_t>(place)]);
        members.insert(members.end(), feedings.begin(), feedings.end());
    }
    [[nodiscard]] std::vector<std::int32_t> path_to_root(std::int32_t place) const {
        std::vector<std::int32_t> path;
        for (; place >= 0; place = claims_[static_cast<std::size_t>(place)].parent_place) path.push_back(place);
        return path;
    }
    [[nodiscard]] std::string text(Feeding const& feeding) const {
        auto const [label, name, mrid] = named(feeder_, feeding);
        return describe(label, name, mrid);
    }

    Feeder const& feeder_;
    std::vector<PhaseSet> const& reachable_;
    Findings& findings_;
    Loops loops_;
    Network net_;
    std::vector<Claim> claims_;           // of each place
    std::vector<Feeding> claimed_;        // of all claims, one after the other
    std::vector<std::int32_t> children_;  // of the place being visited
    std::vector<bool> edge_done_;
    std::vector<Feeding> fed_backwards_;
    std::vector<std::vector<std::int32_t>> ties_;  // edges, where loops are allowed
    bool lacks_phases_ = false;
    bool has_loops_ = false;
    Tree tree_;
};

/// Buses that hang together when every switch conducts (union by path halving, Tarjan and van Leeuwen 1984).
std::vector<std::int32_t> components_with_all_closed(Feeder const& feeder) {
    std::vector<std::int32_t> leader(feeder.buses.size());
    std::iota(leader.begin(), leader.end(), 0);
    auto const find = [&](std::int32_t i) {
        while (leader[static_cast<std::size_t>(i)] != i) {
            auto& up = leader[static_cast<std::size_t>(i)];
            up = leader[static_cast<std::size_t>(up)];
            i = up;
        }
        return i;
    };
    auto const join = [&](Index<Bus> a, Index<Bus> b) {
        auto const x = find(a.value());
        auto const y = find(b.value());
        leader[static_cast<std::size_t>(std::max(x, y))] = std::min(x, y);
    };
    for (auto const& line : feeder.lines.rows()) join(line.from, line.to);
    for (auto const& s : feeder.switches.rows()) join(s.from, s.to);
    for (auto const& c : feeder.series_compensators.rows()) join(c.from, c.to);
    for (auto const& t : feeder.transformers.rows())
        for (std::size_t w = 1; w < t.winding.size(); ++w)
            if (t.winding[w].bus.valid()) join(t.winding[0].bus, t.winding[w].bus);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(leader.size()); ++i)
        leader[static_cast<std::size_t>(i)] = find(i);
    return leader;
}

void report_dark_buses(Feeder const& feeder, Tree const& tree, std::vector<PhaseSet> const& reachable,
                       bool lack_is_named, Findings& findings, Notes& notes) {
    if (std::ranges::none_of(tree.vertex_of_bus, [](auto v) { return v < 0; })) return;
    auto const component = components_with_all_closed(feeder);
    auto const energised = component[feeder.sources.rows()[0].bus.at()];
    std::vector<std::int32_t> members(feeder.buses.size(), 0);
    std::size_t dark = 0;
    std::optional<Index<Bus>> example;
    for (auto id : feeder.buses.ids()) {
        if (tree.vertex_of_bus[id.at()] >= 0) continue;
        if (component[id.at()] != energised) {
            ++members[static_cast<std::size_t>(component[id.at()])];
        } else if (!reachable[id.at()].empty()) {
            ++dark;
            if (!example) example = id;
        } else if (!lack_is_named) {
            findings.add(describe("bus", feeder.buses, id), "no phase of its branches arrives from the source",
                         "mend the phases of the branches that lead to it");
        }
    }
    for (auto id : feeder.buses.ids()) {
        auto const count = members[id.at()];
        if (count == 0) continue;
        findings.add(describe("bus", feeder.buses, id),
                     count == 1
                         ? std::string{"is an island: no branch leads to it from the source"}
                         : fmt::format("and {} more are an island: no branch leads to them from the source", count - 1),
                     "connect it or remove it");
    }
    if (dark > 0)
        notes.warnings.push_back(
            fmt::format("{} buses are not energised, they lie behind open switches (the first is {}); "
                        "they get no voltage and their devices take no part",
                        dark, feeder.buses.name(*example)));
}

}  // namespace

Hung hang_tree(Feeder const& feeder, Findings& findings, Notes& notes, Loops loops) {
    auto const reachable = reachable_phases(feeder, Switches::all_closed, Secondaries::both_ways);
    Hanging hanging{feeder, reachable, findings, loops};
    Hung hung{.tree = hanging.run()};
    report_dark_buses(feeder, hung.tree, reachable, hanging.lacks_phases(), findings, notes);
    if (hanging.has_loops()) {
        hung.phases = reachable_phases(feeder, Switches::as_they_stand,
                                       loops == Loops::allowed ? Secondaries::only_fed : Secondaries::both_ways);
        return hung;
    }
    hung.phases.resize(feeder.buses.size());
    for (auto const& vertex : hung.tree.vertices)
        if (vertex.kind == Vertex::Kind::bus) hung.phases[vertex.bus.at()] = vertex.phases;
    return hung;
}

}  // namespace dec::feeder
