#include "dec/partition/piece.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <span>
#include <tuple>
#include <utility>

#include "dec/core/archive.hpp"
#include "dec/partition/source_rows.hpp"
#include "monitoring.hpp"

namespace dec::partition {

namespace {

using feeder::Feeder;
using feeder::PhaseSet;
using feeder::Table;
using feeder::Tree;
using feeder::Vertex;
using Lists = std::vector<std::vector<std::int32_t>>;  // rows, per rank

/// Whole-feeder row to piece row of one table, emptied in time proportional to what was used.
template <class Row>
class Renumbering {
  public:
    explicit Renumbering(std::size_t size) : local_(size, -1) {}
    /// The piece's row for a whole row, added at the end if it is new.
    Index<Row> operator()(Index<Row> whole) {
        if (!whole.valid()) return {};
        auto& row = local_[whole.at()];
        if (row < 0) {
            row = static_cast<std::int32_t>(used_.size());
            used_.push_back(whole);
        }
        return Index<Row>{row};
    }
    [[nodiscard]] std::vector<Index<Row>> const& used() const { return used_; }
    void clear() {
        for (auto whole : used_) local_[whole.at()] = -1;
        used_.clear();
    }

  private:
    std::vector<std::int32_t> local_;
    std::vector<Index<Row>> used_;
};

template <class Row>
void copy_rows(Table<Row> const& from, std::span<Index<Row> const> rows, Table<Row>& to) {
    std::size_t names = 0, mrids = 0;
    for (auto id : rows) {
        names += from.name(id).size();
        mrids += from.mrid(id).size();
    }
    to.storage().reserve(rows.size());
    to.names().reserve(rows.size(), names);
    to.mrids().reserve(rows.size(), mrids);
    for (auto id : rows) to.add(from[id], from.name(id), from.mrid(id));
}

/// Everything the root works out once for all ranks.
class Distributor {
  public:
    Distributor(Whole const& whole, int ranks)
        : whole_{whole}, feeder_{whole.feeder}, tree_{whole.tree}, ranks_{static_cast<std::size_t>(ranks)},
          buses_{feeder_.buses.size()}, lines_{feeder_.lines.size()}, switches_{feeder_.switches.size()},
          compensators_{feeder_.series_compensators.size()}, transformers_{feeder_.transformers.size()},
          line_codes_{feeder_.line_codes.size()}, transformer_codes_{feeder_.transformer_codes.size()},
          banks_{feeder_.banks.size()}, agents_{whole.agents.agents.size()} {
        place_vertices();
        place_devices();
        place_branches();
        place_monitors();
        place_agents();
        count_totals();
    }

    Piece piece(std::size_t rank);
    /// Of the piece that was made last.
    [[nodiscard]] SourceRows source_rows(std::size_t rank) const;

  private:
    void place_vertices();
    void place_devices();
    void place_branches();
    void place_monitors();
    void place_agents();
    void count_totals();

    void add_vertices(Piece& piece, std::size_t rank);
    /// The same feedings in the piece's rows. \return where they begin in it.
    std::int32_t add_feedings(Piece& piece, std::int32_t first, std::int32_t count);
    void add_branches(Piece& piece, std::size_t rank);
    void add_monitors(Piece& piece, std::size_t rank);
    void add_elements(Piece& piece, std::size_t rank);
    void add_agents(Piece& piece);
    std::int32_t local_element(Feeding const& feeding);
    void clear();

    [[nodiscard]] std::size_t rank_of(Index<Bus> bus) const {
        return static_cast<std::size_t>(whole_.partition.rank_of_bus[bus.at()]);
    }
    [[nodiscard]] Vertex const& vertex(std::int32_t place) const {
        return tree_.vertices[static_cast<std::size_t>(place)];
    }

    Whole const& whole_;
    Feeder const& feeder_;
    Tree const& tree_;
    std::size_t ranks_;

    std::vector<std::int32_t> rank_of_vertex_, level_of_vertex_;
    std::vector<std::int32_t> block_of_vertex_;  // the level that it is numbered in
    std::vector<std::int32_t> own_row_;          // local vertex of each own vertex of the piece being made
    std::int32_t levels_ = 1;
    std::vector<std::int32_t> child_start_, child_;  // children of each vertex, depth first
    Lists vertices_of_, buses_of_, loads_of_, capacitors_of_, pv_of_, batteries_of_, machines_of_;
    std::vector<std::int64_t> first_node_;
    std::vector<std::vector<BranchRows>> branches_of_;  // in whole-feeder rows
    std::vector<std::int32_t> taps_start_, taps_;       // tap changers of each transformer
    Monitoring monitoring_;
    Lists monitors_of_;
    std::vector<std::size_t> rank_of_transformer_;  // who accounts for it: of its first row in the table of branches
    std::vector<std::int32_t> agent_rank_;
    Totals totals_;

    // Renumberings of the piece being made.
    Renumbering<Bus> buses_;
    Renumbering<feeder::Line> lines_;
    Renumbering<feeder::Switch> switches_;
    Renumbering<feeder::SeriesCompensator> compensators_;
    Renumbering<feeder::Transformer> transformers_;
    Renumbering<feeder::LineCode> line_codes_;
    Renumbering<feeder::TransformerCode> transformer_codes_;
    Renumbering<feeder::Bank> banks_;
    Renumbering<Agent> agents_;
};

/// Groups positions by key: items of key k are items[start[k], start[k + 1]), in ascending order.
template <class KeyOf>
void group(std::size_t keys, std::size_t count, KeyOf const& key_of, std::vector<std::int32_t>& start,
           std::vector<std::int32_t>& items) {
    start.assign(keys + 1, 0);
    for (std::size_t i = 0; i < count; ++i)
        if (auto const k = key_of(i); k >= 0) ++start[static_cast<std::size_t>(k) + 1];
    std::partial_sum(start.begin(), start.end(), start.begin());
    items.resize(static_cast<std::size_t>(start.back()));
    auto next = start;
    for (std::size_t i = 0; i < count; ++i)
        if (auto const k = key_of(i); k >= 0)
            items[static_cast<std::size_t>(next[static_cast<std::size_t>(k)]++)] = static_cast<std::int32_t>(i);
}

void Distributor::place_vertices() {
    auto const count = tree_.vertices.size();
    rank_of_vertex_.resize(count);
    level_of_vertex_.resize(count);
    own_row_.resize(count);
    vertices_of_.resize(ranks_);
    for (std::size_t i = 0; i < count; ++i) {
        auto const& v = tree_.vertices[i];
        auto const parent = static_cast<std::size_t>(std::max(v.parent, 0));
        auto const rank = whole_.partition.rank_of_vertex[i];
        rank_of_vertex_[i] = rank;
        level_of_vertex_[i] = v.parent < 0 ? 0 : level_of_vertex_[parent] + (rank_of_vertex_[parent] != rank ? 1 : 0);
        levels_ = std::max(levels_, level_of_vertex_[i] + 1);
        vertices_of_[static_cast<std::size_t>(rank)].push_back(static_cast<std::int32_t>(i));
    }
    // What waits for no other rank is a level of its own, the last.
    if (levels_ > 1) {
        std::vector<char> waits(count, 0);
        for (std::size_t i = count; i-- > 1;) {
            auto const parent = tree_.vertices[i].parent;
            if (parent < 0) continue;
            auto const p = static_cast<std::size_t>(parent);
            if (waits[i] != 0 || rank_of_vertex_[p] != rank_of_vertex_[i]) waits[p] = 1;
        }
        block_of_vertex_ = level_of_vertex_;
        for (std::size_t i = 0; i < count; ++i)
            if (waits[i] == 0) block_of_vertex_[i] = levels_;
        ++levels_;
    } else {
        block_of_vertex_.assign(count, 0);
    }
    for (auto& list : vertices_of_)
        std::ranges::stable_sort(list, {},
                                 [&](std::int32_t v) { return block_of_vertex_[static_cast<std::size_t>(v)]; });
    group(
        count, count, [&](std::size_t i) { return tree_.vertices[i].parent; }, child_start_, child_);
}

void Distributor::place_devices() {
    auto const by_bus = [&](auto const& table, auto const& bus_of, Lists& lists) {
        lists.resize(ranks_);
        for (auto id : table.ids()) lists[rank_of(bus_of(table[id]))].push_back(id.value());
    };
    auto const bus = [](auto const& row) { return row.bus; };
    auto const inverter_bus = [](auto const& row) { return row.inverter.bus; };
    by_bus(feeder_.loads, bus, loads_of_);
    by_bus(feeder_.capacitors, bus, capacitors_of_);
    by_bus(feeder_.machines, bus, machines_of_);
    by_bus(feeder_.pv_systems, inverter_bus, pv_of_);
    by_bus(feeder_.batteries, inverter_bus, batteries_of_);
    buses_of_.resize(ranks_);
    std::int64_t node = 0;
    for (auto id : feeder_.buses.ids()) {
        buses_of_[rank_of(id)].push_back(id.value());
        first_node_.push_back(node);
        node += static_cast<std::int64_t>(feeder_.buses[id].phases.size());
    }
    totals_.nodes = node;
    auto const taps = feeder_.tap_changers.rows();
    group(
        feeder_.transformers.size(), taps.size(), [&](std::size_t i) { return taps[i].transformer.value(); },
        taps_start_, taps_);
}

void Distributor::place_monitors() {
    monitoring_ = find_monitors(feeder_, tree_);
    monitors_of_.resize(ranks_);
    for (std::size_t m = 0; m < monitoring_.monitors.size(); ++m)
        if (auto const vertex = monitoring_.monitors[m].vertex; vertex >= 0)
            monitors_of_[static_cast<std::size_t>(rank_of_vertex_[static_cast<std::size_t>(vertex)])].push_back(
                static_cast<std::int32_t>(m));
}

void Distributor::place_branches() {
    branches_of_.resize(ranks_);
    rank_of_transformer_.assign(feeder_.transformers.size(), ranks_);
    // Where each element carries power; star members by winding.
    std::vector<std::array<std::int32_t, 3>> vertex_of_transformer(feeder_.transformers.size(), {-1, -1, -1});
    std::vector<std::int32_t> vertex_of_line(feeder_.lines.size(), -1), vertex_of_switch(feeder_.switches.size(), -1),
        vertex_of_compensator(feeder_.series_compensators.size(), -1);
    std::vector<Feeding> feeding_of_transformer(feeder_.transformers.size());
    auto const carries = [&](Feeding const& feeding, std::int32_t place) {
        auto const element = static_cast<std::size_t>(feeding.element);
        switch (feeding.kind) {
            case Feeding::Kind::line: vertex_of_line[element] = place; break;
            case Feeding::Kind::switch_: vertex_of_switch[element] = place; break;
            case Feeding::Kind::series_compensator: vertex_of_compensator[element] = place; break;
            case Feeding::Kind::transformer:
                vertex_of_transformer[element][1] = place;
                feeding_of_transformer[element] = feeding;
                break;
            case Feeding::Kind::star_member:
                if (feeding.upstream == 1) {
                    vertex_of_transformer[element][feeding.winding] = place;
                    feeding_of_transformer[element] = feeding;
                }
                break;
            case Feeding::Kind::source_impedance: break;
        }
    };
    std::map<std::tuple<Feeding::Kind, std::int32_t, std::uint8_t>, std::int32_t> tie_of;
    for (std::size_t i = 0; i < tree_.vertices.size(); ++i)
        for (std::int32_t f = 0; f < tree_.vertices[i].feedings; ++f)
            carries(tree_.feedings[static_cast<std::size_t>(tree_.vertices[i].first_feeding + f)],
                    static_cast<std::int32_t>(i));
    for (std::size_t t = 0; t < tree_.ties.size(); ++t)
        for (std::int32_t f = 0; f < tree_.ties[t].feedings; ++f) {
            auto const& feeding = tree_.feedings[static_cast<std::size_t>(tree_.ties[t].first_feeding + f)];
            carries(feeding, tree_.ties[t].to);
            tie_of[{feeding.kind, feeding.element, feeding.winding}] = static_cast<std::int32_t>(t);
        }

    std::int64_t row = 0;
    auto const add = [&](BranchRows branch) {
        branch.first_row = row;
        row += static_cast<std::int64_t>(branch.phases.size());
        auto const rank =
            static_cast<std::size_t>(branch.vertex < 0 ? 0 : rank_of_vertex_[static_cast<std::size_t>(branch.vertex)]);
        auto const& feeding = branch.feeding;
        if (auto const tie = tie_of.find({feeding.kind, feeding.element, feeding.winding}); tie != tie_of.end())
            branch.tie = tie->second;
        branches_of_[rank].push_back(branch);
        if (feeding.kind != Feeding::Kind::transformer && feeding.kind != Feeding::Kind::star_member) return;
        auto& accountable = rank_of_transformer_[static_cast<std::size_t>(feeding.element)];
        accountable = std::min(accountable, rank);
    };
    auto const add_two_ended = [&](Feeding::Kind kind, std::int32_t element, std::int32_t place, auto const& ends,
                                   PhaseSet phases) {
        bool const reversed = place >= 0 && vertex(place).bus == ends.from;
        add({.feeding = {kind, element, static_cast<std::uint8_t>(reversed ? 1 : 0), 0},
             .vertex = place,
             .phases = phases,
             .from = reversed ? ends.to : ends.from,
             .to = reversed ? ends.from : ends.to});
    };
    for (auto id : feeder_.lines.ids())
        add_two_ended(Feeding::Kind::line, id.value(), vertex_of_line[id.at()], feeder_.lines[id],
                      feeder_.lines[id].phase_set());
    for (auto id : feeder_.switches.ids())
        add_two_ended(Feeding::Kind::switch_, id.value(), vertex_of_switch[id.at()], feeder_.switches[id],
                      feeder_.switches[id].phases);
    for (auto id : feeder_.series_compensators.ids())
        add_two_ended(Feeding::Kind::series_compensator, id.value(), vertex_of_compensator[id.at()],
                      feeder_.series_compensators[id], feeder_.series_compensators[id].phases);
    for (auto id : feeder_.transformers.ids()) {
        auto const& unit = feeder_.transformers[id];
        bool const star =
            feeder_.transformer_codes[unit.code].windings == 3 && unit.winding[1].bus != unit.winding[2].bus;
        auto feeding = feeding_of_transformer[id.at()];
        feeding.kind = star ? Feeding::Kind::star_member : Feeding::Kind::transformer;
        feeding.element = id.value();
        if (!star) {
            std::size_t const down = feeding.upstream == 0 ? 1 : 0;
            auto const phases = unit.phases(down) | (down == 1 ? unit.phases(2) : PhaseSet{});
            add({.feeding = feeding,
                 .vertex = vertex_of_transformer[id.at()][1],
                 .phases = phases,
                 .from = unit.winding[1 - down].bus,
                 .to = unit.winding[down].bus});
            continue;
        }
        feeding.upstream = 1;
        for (std::uint8_t w = 0; w < 3; ++w) {
            if (w == feeding.fed_winding) continue;
            feeding.winding = w;
            add({.feeding = feeding,
                 .vertex = vertex_of_transformer[id.at()][w],
                 .phases = unit.phases(w),
                 .from = unit.winding[feeding.fed_winding].bus,
                 .to = unit.winding[w].bus});
        }
    }
    totals_.branch_rows = row;
}

void Distributor::place_agents() {
    // The rank that owns most of an agent's places keeps its totals; of equals the first. Dark buses are places too.
    std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> places_on(
        whole_.agents.agents.size());  // rank, count
    auto const count = [&](std::int32_t agent, std::int32_t rank) {
        auto& counts = places_on[static_cast<std::size_t>(agent)];
        auto const found = std::ranges::find(counts, rank, &std::pair<std::int32_t, std::int32_t>::first);
        if (found == counts.end()) counts.emplace_back(rank, 1);
        else ++found->second;
    };
    for (std::size_t i = 0; i < tree_.vertices.size(); ++i) count(whole_.agents.agent_of_vertex[i], rank_of_vertex_[i]);
    for (auto id : feeder_.buses.ids())
        if (tree_.vertex_of_bus[id.at()] < 0)
            count(whole_.agents.agent_of_bus[id.at()], whole_.partition.rank_of_bus[id.at()]);
    agent_rank_.assign(places_on.size(), 0);
    for (std::size_t a = 0; a < places_on.size(); ++a) {
        std::int32_t most = 0;
        for (auto const& [rank, places] : places_on[a])
            if (places > most || (places == most && rank < agent_rank_[a])) {
                most = places;
                agent_rank_[a] = rank;
            }
    }
}

void Distributor::count_totals() {
    totals_.buses = static_cast<std::int64_t>(feeder_.buses.size());
    totals_.branches = static_cast<std::int64_t>(feeder_.lines.size() + feeder_.switches.size() +
                                                 feeder_.series_compensators.size() + feeder_.transformers.size());
    totals_.loads = static_cast<std::int64_t>(feeder_.loads.size());
    totals_.ders = static_cast<std::int64_t>(feeder_.pv_systems.size());
    totals_.storages = static_cast<std::int64_t>(feeder_.batteries.size());
    totals_.machines = static_cast<std::int64_t>(feeder_.machines.size());
    totals_.agents = static_cast<std::int64_t>(whole_.agents.agents.size());
    totals_.boundaries = whole_.agents.energised - 1;
    totals_.vertices = static_cast<std::int64_t>(tree_.vertices.size());
    totals_.tap_changers = static_cast<std::int64_t>(feeder_.tap_changers.size());
    totals_.capacitors = static_cast<std::int64_t>(feeder_.capacitors.size());
    totals_.controls = static_cast<std::int64_t>(monitoring_.monitors.size());
    totals_.ties = static_cast<std::int64_t>(tree_.ties.size());
    for (auto const& agent : whole_.agents.agents.rows())
        totals_.areas += agent.kind == feeder::Area::Kind::switch_delimited ? 1 : 0;
}

Piece Distributor::piece(std::size_t rank) {
    clear();
    Piece piece;
    piece.totals = totals_;
    piece.summary.edge_cut = whole_.partition.edge_cut;
    piece.summary.imbalance = whole_.partition.imbalance;
    piece.feeder.heading = feeder_.heading;
    for (auto bus : buses_of_[rank]) piece.own_buses.push_back(buses_(Index<Bus>{bus}));
    add_vertices(piece, rank);
    add_branches(piece, rank);
    add_monitors(piece, rank);
    add_elements(piece, rank);
    add_agents(piece);
    return piece;
}

SourceRows Distributor::source_rows(std::size_t rank) const {
    SourceRows rows;
    auto const list = [](auto const& used, std::vector<std::int64_t>& into) {
        into.reserve(used.size());
        for (auto whole : used) into.push_back(whole.value());
    };
    list(lines_.used(), rows.lines);
    list(transformers_.used(), rows.transformers);
    list(banks_.used(), rows.banks);
    rows.loads.assign(loads_of_[rank].begin(), loads_of_[rank].end());
    return rows;
}

void Distributor::clear() {
    buses_.clear();
    lines_.clear();
    switches_.clear();
    compensators_.clear();
    transformers_.clear();
    line_codes_.clear();
    transformer_codes_.clear();
    banks_.clear();
    agents_.clear();
}

std::int32_t Distributor::local_element(Feeding const& feeding) {
    auto const e = feeding.element;
    switch (feeding.kind) {
        case Feeding::Kind::source_impedance: return 0;
        case Feeding::Kind::line: return lines_(Index<feeder::Line>{e}).value();
        case Feeding::Kind::switch_: return switches_(Index<feeder::Switch>{e}).value();
        case Feeding::Kind::series_compensator: return compensators_(Index<feeder::SeriesCompensator>{e}).value();
        default: return transformers_(Index<feeder::Transformer>{e}).value();
    }
}

std::int32_t Distributor::add_feedings(Piece& piece, std::int32_t first, std::int32_t count) {
    auto const begin = static_cast<std::int32_t>(piece.feedings.size());
    for (std::int32_t f = 0; f < count; ++f) {
        auto feeding = tree_.feedings[static_cast<std::size_t>(first + f)];
        feeding.element = local_element(feeding);
        piece.feedings.push_back(feeding);
    }
    return begin;
}

void Distributor::add_vertices(Piece& piece, std::size_t rank) {
    auto const& own = vertices_of_[rank];
    piece.own = own.size();
    auto const to_local = [&](std::int32_t place) {
        auto const& v = vertex(place);
        return LocalVertex{
            .kind = v.kind,
            .global = GlobalIndex<Vertex>{place},
            .bus = buses_(v.bus),
            .transformer = transformers_(v.transformer),
            .phases = v.phases,
            .floating_delta = v.floating_delta,
            .distance_m = v.distance_m,
            .agent = agents_(Index<Agent>{whole_.agents.agent_of_vertex[static_cast<std::size_t>(place)]}).value()};
    };
    std::vector<std::int32_t> parents, children;  // beyond a cut, in depth-first order
    for (auto place : own) {
        auto const parent = vertex(place).parent;
        if (parent >= 0 && rank_of_vertex_[static_cast<std::size_t>(parent)] != static_cast<std::int32_t>(rank))
            parents.push_back(parent);
        for (auto c = child_start_[static_cast<std::size_t>(place)];
             c < child_start_[static_cast<std::size_t>(place) + 1]; ++c) {
            auto const child = child_[static_cast<std::size_t>(c)];
            if (rank_of_vertex_[static_cast<std::size_t>(child)] != static_cast<std::int32_t>(rank))
                children.push_back(child);
        }
    }
    std::ranges::sort(parents);
    parents.erase(std::ranges::unique(parents).begin(), parents.end());
    std::ranges::sort(children);
    piece.halo_parents = parents.size();

    auto const level = [&](std::int32_t v) { return level_of_vertex_[static_cast<std::size_t>(v)]; };
    for (std::size_t i = 0; i < own.size(); ++i)
        own_row_[static_cast<std::size_t>(own[i])] = static_cast<std::int32_t>(i);
    auto const own_row = [&](std::int32_t place) { return own_row_[static_cast<std::size_t>(place)]; };
    auto const parent_row = [&](std::int32_t place) {
        return static_cast<std::int32_t>(own.size()) +
               static_cast<std::int32_t>(std::ranges::lower_bound(parents, place) - parents.begin());
    };
    auto const child_row = [&](std::int32_t place) {
        return static_cast<std::int32_t>(own.size() + parents.size()) +
               static_cast<std::int32_t>(std::ranges::lower_bound(children, place) - children.begin());
    };
    auto const is_own = [&](std::int32_t place) {
        return rank_of_vertex_[static_cast<std::size_t>(place)] == static_cast<std::int32_t>(rank);
    };

    piece.vertices.reserve(own.size() + parents.size() + children.size());
    piece.children.reserve(own.size() + children.size());
    piece.feedings.reserve(own.size());
    piece.level_start.assign(static_cast<std::size_t>(levels_) + 1, 0);
    for (auto place : own) {
        auto local = to_local(place);
        auto const parent = vertex(place).parent;
        if (parent >= 0) local.parent = is_own(parent) ? own_row(parent) : parent_row(parent);
        local.feedings = vertex(place).feedings;
        local.first_feeding = add_feedings(piece, vertex(place).first_feeding, local.feedings);
        local.first_child = static_cast<std::int32_t>(piece.children.size());
        for (auto c = child_start_[static_cast<std::size_t>(place)];
             c < child_start_[static_cast<std::size_t>(place) + 1]; ++c) {
            auto const child = child_[static_cast<std::size_t>(c)];
            piece.children.push_back(is_own(child) ? own_row(child) : child_row(child));
        }
        local.children = static_cast<std::int32_t>(piece.children.size()) - local.first_child;
        piece.vertices.push_back(local);
        ++piece.level_start[static_cast<std::size_t>(block_of_vertex_[static_cast<std::size_t>(place)]) + 1];
    }
    std::partial_sum(piece.level_start.begin(), piece.level_start.end(), piece.level_start.begin());
    for (auto place : parents) piece.vertices.push_back(to_local(place));
    for (auto place : children) piece.vertices.push_back(to_local(place));
    std::vector<std::int32_t> far_ends;
    for (auto const& tie : tree_.ties)
        for (auto [here, there] : {std::pair{tie.from, tie.to}, std::pair{tie.to, tie.from}})
            if (is_own(here) && !is_own(there)) far_ends.push_back(there);
    for (auto place : far_ends) piece.vertices.push_back(to_local(place));
    auto next_far_end = static_cast<std::int32_t>(piece.vertices.size() - far_ends.size());
    for (std::size_t t = 0; t < tree_.ties.size(); ++t) {
        auto const& tie = tree_.ties[t];
        if (!is_own(tie.from) && !is_own(tie.to)) continue;
        Tie local{.row = static_cast<std::int64_t>(t), .feedings = tie.feedings};
        local.from = is_own(tie.from) ? own_row(tie.from) : next_far_end++;
        local.to = is_own(tie.to) ? own_row(tie.to) : next_far_end++;
        local.first_feeding = add_feedings(piece, tie.first_feeding, tie.feedings);
        piece.ties.push_back(local);
    }

    // Both sides list their cuts in depth-first order of the child.
    auto own_in_order = own;
    std::ranges::sort(own_in_order);
    for (auto place : own_in_order)
        if (auto const parent = vertex(place).parent; parent >= 0 && !is_own(parent))
            piece.cuts_up.push_back(
                {rank_of_vertex_[static_cast<std::size_t>(parent)], level(place), own_row(place), parent_row(parent)});
    for (auto child : children)
        piece.cuts_down.push_back({rank_of_vertex_[static_cast<std::size_t>(child)], level(child),
                                   own_row(vertex(child).parent), child_row(child)});
}

void Distributor::add_branches(Piece& piece, std::size_t rank) {
    piece.branches.reserve(branches_of_[rank].size());
    for (auto branch : branches_of_[rank]) {
        if (branch.vertex >= 0) branch.vertex = own_row_[static_cast<std::size_t>(branch.vertex)];
        if (branch.tie >= 0)
            branch.tie =
                static_cast<std::int32_t>(std::ranges::find(piece.ties, branch.tie, &Tie::row) - piece.ties.begin());
        branch.feeding.element = local_element(branch.feeding);
        branch.from = buses_(branch.from);
        branch.to = buses_(branch.to);
        piece.branches.push_back(branch);
    }
}

void Distributor::add_monitors(Piece& piece, std::size_t rank) {
    for (auto m : monitors_of_[rank]) {
        auto monitor = monitoring_.monitors[static_cast<std::size_t>(m)];
        monitor.vertex = own_row_[static_cast<std::size_t>(monitor.vertex)];
        if (monitor.element >= 0) monitor.element = local_element({monitor.kind, monitor.element, 0, monitor.winding});
        piece.monitors.push_back(monitor);
    }
}

void Distributor::add_elements(Piece& piece, std::size_t rank) {
    auto& to = piece.feeder;
    // Elements first: they bring in buses and codes, which must be complete before they are copied.
    copy_rows<feeder::Line>(feeder_.lines, lines_.used(), to.lines);
    for (auto& line : to.lines.rows()) {
        line.from = buses_(line.from);
        line.to = buses_(line.to);
        line.code = line_codes_(line.code);
        line.area = {};
    }
    auto const mend_ends = [&](auto& table) {
        for (auto& row : table.rows()) {
            row.from = buses_(row.from);
            row.to = buses_(row.to);
            row.area = {};
        }
    };
    copy_rows<feeder::Switch>(feeder_.switches, switches_.used(), to.switches);
    mend_ends(to.switches);
    copy_rows<feeder::SeriesCompensator>(feeder_.series_compensators, compensators_.used(), to.series_compensators);
    mend_ends(to.series_compensators);

    copy_rows<feeder::Transformer>(feeder_.transformers, transformers_.used(), to.transformers);
    for (std::size_t i = 0; i < transformers_.used().size(); ++i) {
        auto const whole = transformers_.used()[i];
        for (auto t = taps_start_[whole.at()]; t < taps_start_[whole.at() + 1]; ++t) {
            Index<feeder::TapChanger> const id{taps_[static_cast<std::size_t>(t)]};
            auto tap = feeder_.tap_changers[id];
            tap.transformer = Index<feeder::Transformer>{i};
            tap.control.monitored = {};
            to.tap_changers.add(tap, feeder_.tap_changers.name(id), feeder_.tap_changers.mrid(id));
            piece.tap_controls.push_back(monitoring_.of_tap_changer[id.at()]);
            piece.global.tap_changers.push_back(rank_of_transformer_[whole.at()] == rank ? id.value() : -1);
        }
    }
    for (auto& unit : to.transformers.rows()) {
        for (auto& winding : unit.winding) winding.bus = buses_(winding.bus);
        unit.code = transformer_codes_(unit.code);
        unit.bank = banks_(unit.bank);
        unit.area = {};
    }

    auto const copy_devices = [&](auto const& from, Lists const& lists, auto& table) {
        using Id = typename std::decay_t<decltype(from)>::Id;
        table.storage().reserve(lists[rank].size());
        table.names().reserve(lists[rank].size(), 0);
        table.mrids().reserve(lists[rank].size(), 0);
        for (auto row : lists[rank]) {
            Id const id{row};
            auto device = from[id];
            device.area = {};
            if constexpr (requires { device.inverter; }) device.inverter.bus = buses_(device.inverter.bus);
            else device.bus = buses_(device.bus);
            if constexpr (requires { device.control; }) device.control.monitored = {};
            table.add(device, from.name(id), from.mrid(id));
        }
    };
    copy_devices(feeder_.loads, loads_of_, to.loads);
    copy_devices(feeder_.capacitors, capacitors_of_, to.capacitors);
    for (auto row : capacitors_of_[rank]) {
        piece.capacitor_controls.push_back(monitoring_.of_capacitor[static_cast<std::size_t>(row)]);
        piece.global.capacitors.push_back(row);
    }
    copy_devices(feeder_.machines, machines_of_, to.machines);
    copy_devices(feeder_.pv_systems, pv_of_, to.pv_systems);
    copy_devices(feeder_.batteries, batteries_of_, to.batteries);
    for (auto row : pv_of_[rank]) {
        to.pv_connection_names.push_back(feeder_.pv_connection_names[static_cast<std::size_t>(row)]);
        to.pv_connection_mrids.push_back(feeder_.pv_connection_mrids[static_cast<std::size_t>(row)]);
        piece.global.pv_systems.push_back(row);
    }
    for (auto row : batteries_of_[rank]) {
        to.battery_connection_names.push_back(feeder_.battery_connection_names[static_cast<std::size_t>(row)]);
        to.battery_connection_mrids.push_back(feeder_.battery_connection_mrids[static_cast<std::size_t>(row)]);
    }
    to.load_models = feeder_.load_models;  // a handful
    if (rank_of_vertex_[0] == static_cast<std::int32_t>(rank)) {
        to.sources = feeder_.sources;
        for (auto& source : to.sources.rows()) {
            source.bus = buses_(source.bus);
            source.area = {};
        }
    }
    copy_rows<feeder::LineCode>(feeder_.line_codes, line_codes_.used(), to.line_codes);
    copy_rows<feeder::TransformerCode>(feeder_.transformer_codes, transformer_codes_.used(), to.transformer_codes);
    copy_rows<feeder::Bank>(feeder_.banks, banks_.used(), to.banks);
    for (auto& bank : to.banks.rows()) bank.area = {};
    copy_rows<Bus>(feeder_.buses, buses_.used(), to.buses);
    for (auto whole : buses_.used()) {
        piece.global.buses.push_back(whole.value());
        piece.global.first_node.push_back(first_node_[whole.at()]);
    }
    piece.vertex_of_bus.assign(to.buses.size(), -1);
    for (std::size_t i = 0; i < piece.own + piece.halo_parents; ++i)
        if (piece.vertices[i].bus.valid())
            piece.vertex_of_bus[piece.vertices[i].bus.at()] = static_cast<std::int32_t>(i);
}

void Distributor::add_agents(Piece& piece) {
    for (auto whole : buses_.used())
        piece.agent_of_bus.push_back(agents_(Index<Agent>{whole_.agents.agent_of_bus[whole.at()]}).value());
    copy_rows<Agent>(whole_.agents.agents, agents_.used(), piece.agents);
    for (auto whole : agents_.used()) {
        auto const parent = whole_.agents.agents[whole].parent;
        piece.agent_parents.push_back(parent < 0 ? std::string_view{}
                                                 : whole_.agents.agents.name(Index<Agent>{parent}));
        piece.agent_row.push_back(whole.value());
        piece.agent_rank.push_back(agent_rank_[whole.at()]);
    }
}

/// One list of a piece's parts for packing and unpacking.
template <class AnyPiece, class Archive>
void transfer(AnyPiece& piece, Archive& archive) {
    auto& heading = piece.feeder.heading;
    for (auto* text : {&heading.name, &heading.mrid, &heading.substation, &heading.substation_mrid, &heading.subregion,
                       &heading.subregion_mrid, &heading.region, &heading.region_mrid, &heading.origin})
        archive(*text);
    feeder::for_each_table(piece.feeder, [&](std::string_view, auto& table) { archive(table); });
    archive(piece.feeder.pv_connection_names);
    archive(piece.feeder.pv_connection_mrids);
    archive(piece.feeder.battery_connection_names);
    archive(piece.feeder.battery_connection_mrids);
    archive(piece.global.buses);
    archive(piece.global.pv_systems);
    archive(piece.global.first_node);
    archive(piece.global.tap_changers);
    archive(piece.global.capacitors);
    archive(piece.own_buses);
    archive(piece.vertex_of_bus);
    archive(piece.vertices);
    archive(piece.own);
    archive(piece.halo_parents);
    archive(piece.children);
    archive(piece.feedings);
    archive(piece.level_start);
    archive(piece.cuts_up);
    archive(piece.cuts_down);
    archive(piece.branches);
    archive(piece.ties);
    archive(piece.monitors);
    archive(piece.tap_controls);
    archive(piece.capacitor_controls);
    archive(piece.agent_of_bus);
    archive(piece.agents);
    archive(piece.agent_parents);
    archive(piece.agent_row);
    archive(piece.agent_rank);
    archive(piece.totals);
    archive(piece.summary.edge_cut);
    archive(piece.summary.imbalance);
}

}  // namespace

std::vector<Boundary> boundaries(Piece const& piece) {
    std::vector<Boundary> result;
    for (std::size_t i = 0; i < piece.own; ++i) {
        auto const& vertex = piece.vertices[i];
        if (vertex.parent < 0) continue;
        auto const upstream = piece.vertices[static_cast<std::size_t>(vertex.parent)].agent;
        if (upstream == vertex.agent) continue;
        // The first agent, the feeder, has nobody above it.
        result.push_back({.vertex = static_cast<std::int32_t>(i),
                          .pcc = vertex.parent,
                          .upstream = upstream,
                          .downstream = vertex.agent,
                          .row = piece.agent_row[static_cast<std::size_t>(vertex.agent)] - 1});
    }
    std::ranges::sort(result, {}, &Boundary::row);
    return result;
}

namespace {

template <class AnyRows, class Archive>
void transfer_rows(AnyRows& rows, Archive& archive) {
    archive(rows.lines);
    archive(rows.transformers);
    archive(rows.banks);
    archive(rows.loads);
}

/// \param rows if any, on all ranks alike: becomes where the piece's elements stand.
Piece distribute(core::Communicator const& comm, std::optional<Whole> const& whole, SourceRows* rows) {
    std::vector<std::vector<char>> buffers(comm.is_root() ? static_cast<std::size_t>(comm.size()) : 0);
    Piece own;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        Distributor distributor{*whole, comm.size()};
        for (std::size_t rank = 1; rank < buffers.size(); ++rank) {
            auto const piece = distributor.piece(rank);
            auto const from = rows == nullptr ? SourceRows{} : distributor.source_rows(rank);
            core::Measurer measure;
            transfer(piece, measure);
            if (rows != nullptr) transfer_rows(from, measure);
            core::Packer pack{measure.size()};
            transfer(piece, pack);
            if (rows != nullptr) transfer_rows(from, pack);
            buffers[rank] = pack.take();
        }
        own = distributor.piece(0);  // never packed: it is the largest thing here
        if (rows != nullptr) *rows = distributor.source_rows(0);
    });
    auto const received = comm.scatter(buffers);
    if (comm.is_root()) return own;
    core::Unpacker unpack{received};
    transfer(own, unpack);
    if (rows != nullptr) transfer_rows(*rows, unpack);
    return own;
}

}  // namespace

Piece distribute(core::Communicator const& comm, std::optional<Whole> const& whole) {
    return distribute(comm, whole, nullptr);
}

Piece distribute(core::Communicator const& comm, std::optional<Whole> const& whole, SourceRows& rows) {
    return distribute(comm, whole, &rows);
}

}  // namespace dec::partition
