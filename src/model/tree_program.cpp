#include "dec/model/tree_program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace dec::model {

namespace {

using fairness::Decision;
using partition::VertexRange;
using Place = Eigen::Index;
using Side = solvers::TreeSide;

constexpr std::int32_t nobody = -1;

template <int Size>
auto row(std::vector<double>& values, std::int32_t vertex) {
    return Eigen::Map<Eigen::Matrix<double, Size, 1>>(values.data() + static_cast<std::ptrdiff_t>(vertex) * Size);
}

/// The places of a vertex that exist, in the order of the program's rows.
struct Present {
    std::array<Place, 3> place{};
    std::size_t count = 0;
    explicit Present(feeder::PhaseSet phases) {
        for (feeder::Phase p : phases.list()) place[count++] = static_cast<Place>(feeder::slot(p));
    }
    [[nodiscard]] auto begin() const { return place.begin(); }
    [[nodiscard]] auto end() const { return place.begin() + static_cast<std::ptrdiff_t>(count); }
};

/// What a vertex tells its parent about itself and all below, in the parent's places.
struct Message {
    enum : Place { p_varies, q_varies, folded, active = folded + 6, crossed = active + 3, size = crossed + 3 };
};
using MessageRow = Eigen::Matrix<double, Message::size, 1>;

class Assembly {
  public:
    Assembly(core::Communicator const& comm, LinDist3Flow& flow, SquaredLimits const& limits,
             fairness::Decisions const& decisions, PowerLimits const& powers, Circles circles)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, limits_{limits},
          decisions_{decisions}, powers_{powers}, circles_{circles} {}

    AssembledProgram assemble() {
        order_controls();
        find_what_varies();
        place_groups();
        reserve();
        std::size_t next_control = 0, next_rating = 0;
        for (std::size_t j = 0; j < piece_.own; ++j) {
            auto const at = static_cast<std::int32_t>(j);
            add_vertex(at);
            for (; next_rating < ratings_.size() && rating(next_rating).vertex == at; ++next_rating)
                limit_branch(ratings_[next_rating]);
            for (std::int32_t leaf = nobody; next_control < result_.der.size(); ++next_control) {
                auto const d = result_.der[next_control];
                if (flow_.ders()[static_cast<std::size_t>(d)].vertex != at) break;
                if (!powers_.decides(static_cast<std::size_t>(d))) {
                    add_control(next_control, result_.vertex[j]);
                    continue;
                }
                if (leaf != d) add_leaf(leaf = d);
                add_control(next_control, static_cast<std::int32_t>(result_.program.vertices.size()) - 1);
            }
        }
        for (auto& group : result_.program.groups)
            if (group.top >= 0) group.top = result_.vertex[static_cast<std::size_t>(group.top)];
        add_cuts();
        auto& starts = result_.program.level_start;
        starts.clear();
        for (auto const start : piece_.level_start)
            starts.push_back(static_cast<std::size_t>(start) < piece_.own
                                 ? result_.vertex[static_cast<std::size_t>(start)]
                                 : static_cast<std::int32_t>(result_.program.vertices.size()));
        if (starts.empty()) starts = {0};
        return std::move(result_);
    }

  private:
    [[nodiscard]] Decision const& decision(std::int32_t der) const {
        return decisions_.ders[static_cast<std::size_t>(der)];
    }
    [[nodiscard]] bool has_reactive(std::int32_t vertex) const {
        return reactive_[static_cast<std::size_t>(vertex)] > 0.0;
    }
    [[nodiscard]] partition::LocalVertex const& vertex(std::int32_t j) const {
        return piece_.vertices[static_cast<std::size_t>(j)];
    }
    [[nodiscard]] std::size_t flows(std::int32_t j) const {
        return vertex(j).phases.size() * (has_reactive(j) ? 2 : 1);
    }

    [[nodiscard]] BranchRating const& rating(std::size_t i) const { return powers_.branches[ratings_[i]]; }

    /// DERs with something to decide, in the order of their vertices; those with leaves of their own come last at theirs.
    void order_controls() {
        auto const& ders = flow_.ders();
        std::vector<std::int32_t> order;
        auto const decides = [&](std::int32_t d) { return powers_.decides(static_cast<std::size_t>(d)); };
        for (std::size_t d = 0; d < ders.size(); ++d)
            if (ders[d].vertex >= 0 && (decisions_.ders[d].role != Decision::Role::fixed || powers_.decides(d)))
                order.push_back(static_cast<std::int32_t>(d));
        std::ranges::stable_sort(order, {}, decides);
        std::ranges::stable_sort(order, {}, [&](std::int32_t d) { return ders[static_cast<std::size_t>(d)].vertex; });
        for (auto const d : order) {
            if (decision(d).role != Decision::Role::fixed) {
                result_.der.push_back(d);
                result_.reactive.push_back(0);
            }
            if (!decides(d)) continue;
            result_.der.push_back(d);
            result_.reactive.push_back(1);
        }
        ratings_.resize(powers_.branches.size());
        std::iota(ratings_.begin(), ratings_.end(), std::size_t{0});
        std::ranges::stable_sort(ratings_, {}, [&](std::size_t i) { return powers_.branches[i].vertex; });
    }

    /// Which powers depend on a decision or a voltage, and the reactive powers that do not.
    void find_what_varies() {
        constant_.resize(6 * piece_.vertices.size());
        reactive_.assign(piece_.vertices.size(), 0.0);
        std::vector<char> p_varies(piece_.own), q_varies(piece_.own);
        for (std::size_t j = 0; j < piece_.own; ++j) {
            auto const& own = flow_.injections()[j];
            row<6>(constant_, static_cast<std::int32_t>(j)) = own.constant;
            p_varies[j] = !own.slope.topRows<3>().isZero(0.0);
            q_varies[j] = !own.slope.bottomRows<3>().isZero(0.0);
        }
        for (std::size_t d = 0; d < flow_.ders().size(); ++d) {
            auto const& der = flow_.ders()[d];
            if (der.vertex < 0) continue;
            auto const& what = decisions_.ders[d];
            auto const j = static_cast<std::size_t>(der.vertex);
            if (what.role == Decision::Role::fixed || !powers_.decides(d))
                row<6>(constant_, der.vertex) += what.fixed * der.full;
            if (what.role != Decision::Role::fixed) {
                p_varies[j] = p_varies[j] || !der.full.head<3>().isZero(0.0);
                q_varies[j] = q_varies[j] || !der.full.tail<3>().isZero(0.0);
            }
            if (!powers_.decides(d)) continue;
            row<6>(constant_, der.vertex) -= der.own_reactive;
            p_varies[j] = q_varies[j] = 1;
        }
        std::vector<double> messages(static_cast<std::size_t>(Message::size) * piece_.vertices.size(), 0.0);
        flow_.exchange().up(messages, Message::size, [&](VertexRange range) {
            for (auto j = range.end - 1; j >= range.begin; --j) {
                auto const i = static_cast<std::size_t>(j);
                bool p = p_varies[i] != 0, q = q_varies[i] != 0;
                auto constant = row<6>(constant_, j);
                // All active power if it is a number, used only where it goes over into reactive power above.
                Vector3 active = constant.head<3>();
                Vector3 crossed = Vector3::Zero();
                for (std::int32_t c = 0; c < vertex(j).children; ++c) {
                    auto const m = row<Message::size>(
                        messages, piece_.children[static_cast<std::size_t>(vertex(j).first_child + c)]);
                    p = p || m(Message::p_varies) > 0.0;
                    q = q || m(Message::q_varies) > 0.0;
                    constant += m.segment<6>(Message::folded);
                    active += m.segment<3>(Message::active) + m.segment<3>(Message::folded);
                    crossed += m.segment<3>(Message::crossed);
                }
                reactive_[i] = q ? 1.0 : 0.0;
                if (!q) constant.tail<3>() += crossed;
                if (vertex(j).parent < 0) continue;
                auto const& lift = flow_.blocks()[i].lift;
                auto const pp = lift.topLeftCorner<3, 3>(), pq = lift.topRightCorner<3, 3>();
                auto const qp = lift.bottomLeftCorner<3, 3>(), qq = lift.bottomRightCorner<3, 3>();
                auto m = row<Message::size>(messages, j);
                m.setZero();
                m(Message::p_varies) = (p && !pp.isZero(0.0)) || (q && !pq.isZero(0.0)) ? 1.0 : 0.0;
                m(Message::q_varies) = (p && !qp.isZero(0.0)) || (q && !qq.isZero(0.0)) ? 1.0 : 0.0;
                if (!q) {
                    m.segment<3>(Message::folded) = pq * constant.tail<3>();
                    m.segment<3>(Message::folded + 3) = qq * constant.tail<3>();
                }
                m.segment<3>(Message::active) = pp * active;
                m.segment<3>(Message::crossed) = qp * active;
            }
        });
        flow_.exchange().down(reactive_, 1, [](VertexRange) {});
    }

    /// The part of the tree that each group spans: from its members up to where all of them are below.
    void place_groups() {
        group_of_vertex_.assign(piece_.vertices.size(), nobody);
        std::vector<double> members(static_cast<std::size_t>(decisions_.groups), 0.0);
        auto const each_member = [&](auto const& visit) {
            for (std::size_t k = 0; k < result_.der.size(); ++k)
                if (result_.reactive[k] == 0 && decision(result_.der[k]).group >= 0)
                    visit(result_.der[k], decision(result_.der[k]).group);
        };
        each_member([&](std::int32_t, std::int64_t group) { members[static_cast<std::size_t>(group)] += 1.0; });
        if (comm_.max(members.empty() ? 0.0 : std::ranges::max(members)) == 0.0) return;
        comm_.sum(members);

        std::vector<double> open(2 * piece_.vertices.size(),
                                 0.0);  // group whose part goes on above (number + 1), members below
        std::vector<std::int64_t> number(piece_.own, nobody);
        std::vector<double> count(piece_.own, 0.0);
        std::int32_t crossing = nobody;
        auto const join = [&](std::int32_t j, std::int64_t group, double more) {
            auto& here = number[static_cast<std::size_t>(j)];
            if (here >= 0 && here != group) crossing = j;
            here = group;
            count[static_cast<std::size_t>(j)] += more;
        };
        each_member([&](std::int32_t d, std::int64_t group) {
            join(flow_.ders()[static_cast<std::size_t>(d)].vertex, group, 1.0);
        });
        std::map<std::int64_t, std::int32_t> index;
        flow_.exchange().up(open, 2, [&](VertexRange range) {
            for (auto j = range.end - 1; j >= range.begin; --j) {
                auto const i = static_cast<std::size_t>(j);
                for (std::int32_t c = 0; c < vertex(j).children; ++c) {
                    auto const m = row<2>(open, piece_.children[static_cast<std::size_t>(vertex(j).first_child + c)]);
                    if (m(0) > 0.0) join(j, static_cast<std::int64_t>(m(0)) - 1, m(1));
                }
                if (number[i] < 0) continue;
                auto const [known, is_new] = index.emplace(number[i], static_cast<std::int32_t>(index.size()));
                auto& groups = result_.program.groups;
                if (is_new)
                    groups.push_back(
                        {.term = term(decisions_.group_cost, 0.0, 1.0), .number = number[i], .top = nobody});
                group_of_vertex_[i] = known->second;
                if (count[i] == members[static_cast<std::size_t>(number[i])])
                    groups[static_cast<std::size_t>(known->second)].top = j;
                else row<2>(open, j) << static_cast<double>(number[i] + 1), count[i];
            }
        });
        for (std::size_t j = 0; j < piece_.own; ++j) open_above_.push_back(open[2 * j] > 0.0);
        core::together(comm_, [&] {
            if (crossing >= 0) throw core::InvalidInput{crossing_parts(crossing)};
        });
    }
    [[nodiscard]] static solvers::TreeTerm term(fairness::Cost const& cost, double lower, double upper) {
        return {.cost = cost.linear,
                .curvature = 2.0 * cost.quadratic,
                .log_weight = cost.logarithmic,
                .lower = lower,
                .upper = upper};
    }
    [[nodiscard]] core::Finding crossing_parts(std::int32_t j) const {
        auto const& bus = vertex(j).bus;
        return {piece_.feeder.heading.origin,
                bus.valid() ? fmt::format("bus {}", piece_.feeder.buses.name(bus)) : std::string{},
                "lies between the DERs of two agents that each share one fraction: the agents' areas are not connected "
                "parts of the feeder",
                "--scope feeder, or correct the areas in the file"};
    }

    void reserve() {
        auto& program = result_.program;
        std::size_t rows = 0, numbers = 0;
        for (std::size_t j = 0; j < piece_.own; ++j) {
            std::size_t const n = piece_.vertices[j].phases.size();
            rows += n;
            numbers += n * (n + 3) * (reactive_[j] > 0.0 ? 2 : 1);
        }
        auto const leaves = static_cast<std::size_t>(std::ranges::count(result_.reactive, 1));
        program.vertices.reserve(piece_.own + leaves);
        program.low.reserve(rows + leaves);
        program.high.reserve(rows + leaves);
        program.numbers.reserve(numbers + leaves * (3 + 12 + 5));
        program.controls.reserve(result_.der.size());
        result_.row_of_place.assign(3 * piece_.own, nobody);
    }

    void add_vertex(std::int32_t j) {
        auto& program = result_.program;
        auto const& here = vertex(j);
        auto const i = static_cast<std::size_t>(j);
        Present const own{here.phases};
        solvers::TreeVertex v{.first_row = static_cast<std::int32_t>(program.low.size()),
                              .first_number = static_cast<std::int64_t>(program.numbers.size()),
                              .rows = static_cast<std::uint8_t>(own.count),
                              .flows = static_cast<std::uint8_t>(flows(j)),
                              .mixed = here.floating_delta,
                              .root = here.parent < 0};
        std::size_t const halves = has_reactive(j) ? 2 : 1;
        auto const slope = flow_.injections()[i].slope;
        for (std::size_t h = 0; h < halves; ++h)
            v.sloped = v.sloped || !slope.middleRows<3>(3 * static_cast<Place>(h)).isZero(0.0);
        auto const constant = row<6>(constant_, j);
        Vector3 offset = here.parent < 0 ? flow_.source_v_sq() : Vector3::Zero();
        if (here.parent >= 0) {
            Present const up{vertex(here.parent).phases};
            v.parent = static_cast<std::size_t>(here.parent) < piece_.own
                           ? result_.vertex[static_cast<std::size_t>(here.parent)]
                           : nobody;
            v.parent_rows = static_cast<std::uint8_t>(up.count);
            v.parent_flows = static_cast<std::uint8_t>(flows(here.parent));
            auto const& block = flow_.blocks()[i];
            std::size_t const up_halves = has_reactive(here.parent) ? 2 : 1;
            v.straight = is_straight(block, own, up, halves, up_halves, v.place);
            if (v.straight) {
                for (std::size_t r = 0; r < own.count; ++r) put(block.ratio(own.place[r], up.place[v.place[r]]));
            } else {
                for (Place const c : up)
                    for (Place const r : own) put(block.ratio(r, c));
                for (std::size_t h = 0; h < halves; ++h)
                    for (Place const c : own)
                        for (std::size_t g = 0; g < up_halves; ++g)
                            for (Place const r : up)
                                put(block.lift(r + 3 * static_cast<Place>(g), c + 3 * static_cast<Place>(h)));
            }
            for (std::size_t h = 0; h < halves; ++h)
                for (Place const c : own)
                    for (Place const r : own) put(block.drop(r, c + 3 * static_cast<Place>(h)));
            if (halves == 1) offset -= block.drop.rightCols<3>() * constant.tail<3>();
        }
        for (Place const r : own) put(offset(r));
        for (std::size_t h = 0; h < halves; ++h)
            for (Place const r : own) put(constant(r + 3 * static_cast<Place>(h)));
        if (v.sloped)
            for (Place const c : own)
                for (std::size_t h = 0; h < halves; ++h)
                    for (Place const r : own) put(slope(r + 3 * static_cast<Place>(h), c));
        if (v.mixed)
            for (Place const c : own)
                for (Place const r : own) put(line_to_line()(r, c));
        for (std::size_t r = 0; r < own.count; ++r) {
            auto const at = 3 * i + static_cast<std::size_t>(own.place[r]);
            result_.row_of_place[at] = v.first_row + static_cast<std::int32_t>(r);
            program.low.push_back(limits_.low[at]);
            program.high.push_back(limits_.high[at]);
        }
        result_.vertex.push_back(static_cast<std::int32_t>(program.vertices.size()));
        program.vertices.push_back(v);
    }

    /// A place below its bus for one DER. Its row has nothing to do but to be there.
    void add_leaf(std::int32_t d) {
        auto& program = result_.program;
        auto const& der = flow_.ders()[static_cast<std::size_t>(d)];
        auto const& can = powers_.ders[static_cast<std::size_t>(d)];
        Present const up{vertex(der.vertex).phases};
        program.vertices.push_back({.parent = result_.vertex[static_cast<std::size_t>(der.vertex)],
                                    .first_row = static_cast<std::int32_t>(program.low.size()),
                                    .first_number = static_cast<std::int64_t>(program.numbers.size()),
                                    .rows = 1,
                                    .flows = 2,
                                    .parent_rows = static_cast<std::uint8_t>(up.count),
                                    .parent_flows = static_cast<std::uint8_t>(2 * up.count),
                                    .straight = false});
        for (std::size_t c = 0; c < up.count; ++c) put(c == 0 ? 1.0 : 0.0);
        for (auto const& drawn :
             {Vector6{der.full * (can.rated / der.available)}, Vector6{der.per_reactive * can.rated}})
            for (std::size_t half = 0; half < 2; ++half)
                for (Place const r : up) put(drawn(r + 3 * static_cast<Place>(half)));
        bool const decided = decision(d).role != Decision::Role::fixed;
        for (int i = 0; i < 2 + 1; ++i) put(0.0);  // no drop
        put(decided ? decision(d).fixed * der.available / can.rated : 0.0);
        put(0.0);
        constexpr double infinity = std::numeric_limits<double>::infinity();
        program.low.push_back(-infinity);
        program.high.push_back(infinity);
        if (!decided) return;
        // p = (available - curtailed) / rated, q = -drawn
        double const available = der.available / can.rated;
        if (can.power_factor > 0.0) {
            double const steepest = std::sqrt(1.0 - can.power_factor * can.power_factor) / can.power_factor;
            for (double const sign : {1.0, -1.0}) limit_der(d, steepest, sign, steepest * available, Side::half_plane);
            if (can.held_side != 0.0)
                limit_der(d, -steepest, -can.held_side, powers_.room - steepest * available, Side::half_plane);
        }
        if (circles_ == Circles::discs) {
            double const part = 1.0 / (1.0 + powers_.room);
            limit_der(d, -part, 0.0, -part * available, Side::first_of_disc);
            limit_der(d, 0.0, -part, 0.0, Side::second_of_disc);
        }
        if (circles_ != Circles::polygons) return;
        for (auto const& side : can.circle.sides())
            limit_der(d, -side.p, -side.q, side.bound - side.p * available, Side::half_plane);
    }

    /// curtailed and drawn power times these against `bound`: of a DER whose leaf was added last and has no controls yet.
    void limit_der(std::int32_t d, double curtailed, double drawn, double bound, Side side) {
        auto const& what = decision(d);
        if (what.role != Decision::Role::free) return limit_flow({curtailed, drawn}, bound, side);
        auto& program = result_.program;
        double const available =
            flow_.ders()[static_cast<std::size_t>(d)].available / powers_.ders[static_cast<std::size_t>(d)].rated;
        program.pair_limits.push_back({.control = static_cast<std::int32_t>(program.controls.size()),
                                       .first = curtailed * what.reach * available,
                                       .second = -drawn,
                                       .bound = bound - curtailed * what.fixed * available,
                                       .side = side});
    }

    /// At the vertex that was added last.
    void limit_flow(std::vector<double> const& weights, double bound, Side side, std::int32_t branch = nobody) {
        auto& program = result_.program;
        program.flow_limits.push_back({.vertex = static_cast<std::int32_t>(program.vertices.size()) - 1,
                                       .first_weight = static_cast<std::int64_t>(program.weights.size()),
                                       .bound = bound,
                                       .side = side});
        program.weights.insert(program.weights.end(), weights.begin(), weights.end());
        result_.rated.push_back(branch);
    }

    void limit_branch(std::size_t i) {
        auto const& branch = powers_.branches[i];
        auto const number = static_cast<std::int32_t>(i);
        double const limit = branch.limit * (1.0 + powers_.room);
        std::vector<double> active, both;
        for (Place const r : Present{vertex(branch.vertex).phases}) active.push_back(branch.weight(r) / limit);
        if (branch.held) {
            for (std::size_t half = 0; half < (has_reactive(branch.vertex) ? 2U : 1U); ++half)
                for (double const sign : {1.0, -1.0}) {
                    both.assign(half * active.size(), 0.0);
                    for (double const w : active) both.push_back(sign * w * limit / branch.limit);
                    both.resize(has_reactive(branch.vertex) ? 2 * active.size() : active.size(), 0.0);
                    limit_flow(both, sign * (*branch.held)[static_cast<Place>(half)] + powers_.room, Side::half_plane,
                               number);
                }
            return;
        }
        if (!has_reactive(branch.vertex)) {
            double const q = branch.weight.dot(row<6>(constant_, branch.vertex).tail<3>()) / limit;
            double const most = std::sqrt(std::max(0.0, 1.0 - q * q));
            for (double const sign : {1.0, -1.0}) {
                both.clear();
                for (double const w : active) both.push_back(sign * w);
                limit_flow(both, most, Side::half_plane, number);
            }
            return;
        }
        auto const add = [&](double p, double q, double bound, Side side) {
            both.clear();
            for (double const w : active) both.push_back(p * w);
            for (double const w : active) both.push_back(q * w);
            limit_flow(both, bound, side, number);
        };
        if (circles_ == Circles::discs) {
            add(1.0, 0.0, 0.0, Side::first_of_disc);
            add(0.0, 1.0, 0.0, Side::second_of_disc);
        }
        if (circles_ != Circles::polygons) return;
        for (auto const& side : branch.circle.sides()) add(side.p, side.q, side.bound, Side::half_plane);
    }
    void put(double number) { result_.program.numbers.push_back(number); }

    /// Every row hangs on one row of the parent, to which its powers go and nowhere else.
    [[nodiscard]] static bool is_straight(BranchMap const& block, Present const& own, Present const& up,
                                          std::size_t halves, std::size_t up_halves,
                                          std::array<std::uint8_t, 3>& place) {
        std::array<std::uint8_t, 3> found{};
        for (std::size_t r = 0; r < own.count; ++r) {
            std::size_t hits = 0;
            for (std::size_t c = 0; c < up.count; ++c)
                if (block.ratio(own.place[r], up.place[c]) != 0.0) {
                    found[r] = static_cast<std::uint8_t>(c);
                    ++hits;
                }
            if (hits != 1) return false;
            for (std::size_t h = 0; h < halves; ++h)
                for (std::size_t g = 0; g < up_halves; ++g)
                    for (std::size_t c = 0; c < up.count; ++c) {
                        double const wanted = g == h && c == found[r] ? 1.0 : 0.0;
                        if (block.lift(up.place[c] + 3 * static_cast<Place>(g),
                                       own.place[r] + 3 * static_cast<Place>(h)) != wanted)
                            return false;
                    }
        }
        place = found;
        return true;
    }

    /// \param at vertex of the program, the last so far.
    void add_control(std::size_t k, std::int32_t at) {
        auto& program = result_.program;
        auto const d = result_.der[k];
        auto const& what = decision(d);
        auto const& der = flow_.ders()[static_cast<std::size_t>(d)];
        auto& v = program.vertices[static_cast<std::size_t>(at)];
        if (v.controls++ == 0) v.first_control = static_cast<std::int32_t>(program.controls.size());
        auto const first_gain = static_cast<std::int64_t>(program.gains.size());
        bool const leaf = powers_.decides(static_cast<std::size_t>(d));
        if (result_.reactive[k] != 0) {
            program.controls.push_back({.term = reactive_term(d), .first_gain = first_gain, .vertex = at});
            program.gains.insert(program.gains.end(), {0.0, -1.0});
            return;
        }
        program.controls.push_back(
            {.term = term(what.cost, what.lower, what.upper),
             .first_gain = first_gain,
             .vertex = at,
             .group = what.group < 0 ? nobody : group_of_vertex_[static_cast<std::size_t>(der.vertex)],
             .role = role(what.role)});
        if (leaf) {
            auto const rated = powers_.ders[static_cast<std::size_t>(d)].rated;
            program.gains.insert(program.gains.end(), {what.reach * der.available / rated, 0.0});
            return;
        }
        for (std::size_t h = 0; h < (has_reactive(der.vertex) ? 2U : 1U); ++h)
            for (Place const r : Present{vertex(der.vertex).phases})
                program.gains.push_back(what.reach * der.full(r + 3 * static_cast<Place>(h)));
    }
    /// Bounds as the DER's active power allows; beside what is decided, the circle says more.
    [[nodiscard]] solvers::TreeTerm reactive_term(std::int32_t d) const {
        auto const& what = decision(d);
        auto const& can = powers_.ders[static_cast<std::size_t>(d)];
        double const available = flow_.ders()[static_cast<std::size_t>(d)].available / can.rated;
        if (can.given) return {.lower = *can.given, .upper = *can.given};
        double const reach = what.role == Decision::Role::fixed ? 0.0 : what.reach;
        double const least = what.fixed + reach * what.lower, most = what.fixed + reach * what.upper;
        double const largest = can.largest_reactive((1.0 - most) * available, (1.0 - least) * available);
        return {.curvature = 2.0 * can.cost, .lower = -largest, .upper = largest};
    }
    [[nodiscard]] static solvers::TreeControl::Role role(Decision::Role role) {
        using To = solvers::TreeControl::Role;
        return role == Decision::Role::tied ? To::tied : role == Decision::Role::capped ? To::capped : To::free;
    }

    void add_cuts() {
        auto& program = result_.program;
        for (auto const& cut : piece_.cuts_up) {
            auto const parent = vertex(cut.inner).parent;
            bool const goes_on = !open_above_.empty() && open_above_[static_cast<std::size_t>(cut.inner)];
            program.above.push_back(
                {.vertex = result_.vertex[static_cast<std::size_t>(cut.inner)],
                 .level = cut.level,
                 .parent_rows = static_cast<std::uint8_t>(vertex(parent).phases.size()),
                 .parent_flows = static_cast<std::uint8_t>(flows(parent)),
                 .group = goes_on ? group_of_vertex_[static_cast<std::size_t>(cut.inner)] : nobody});
        }
        // The child's side knows whether a group's part goes on above it.
        std::vector<double> crosses(piece_.vertices.size(), 0.0);
        for (std::size_t j = 0; j < open_above_.size(); ++j) crosses[j] = open_above_[j] ? 1.0 : 0.0;
        flow_.exchange().up(crosses, 1, [](VertexRange) {});
        for (auto const& cut : piece_.cuts_down)
            program.below.push_back({.vertex = result_.vertex[static_cast<std::size_t>(cut.inner)],
                                     .level = cut.level,
                                     .parent_rows = static_cast<std::uint8_t>(vertex(cut.inner).phases.size()),
                                     .parent_flows = static_cast<std::uint8_t>(flows(cut.inner)),
                                     .group = crosses[static_cast<std::size_t>(cut.halo)] > 0.0
                                                  ? group_of_vertex_[static_cast<std::size_t>(cut.inner)]
                                                  : nobody});
    }

    core::Communicator const& comm_;
    LinDist3Flow& flow_;
    partition::Piece const& piece_;
    SquaredLimits const& limits_;
    fairness::Decisions const& decisions_;
    PowerLimits const& powers_;
    Circles circles_;
    std::vector<std::size_t> ratings_;  // rated branches in the order of their vertices
    std::vector<double> constant_;      // 6 per own vertex: drawn there at zero voltage, with what is folded from below
    std::vector<double> reactive_;      // per local vertex: 1 where reactive powers are unknowns
    std::vector<std::int32_t> group_of_vertex_;  // per local vertex: row of the program's groups
    std::vector<bool> open_above_;               // per own vertex: its group's part goes on above
    AssembledProgram result_;
};

}  // namespace

AssembledProgram assemble(core::Communicator const& comm, LinDist3Flow& flow, SquaredLimits const& limits,
                          fairness::Decisions const& decisions, PowerLimits const& powers, Circles circles) {
    return Assembly{comm, flow, limits, decisions, powers, circles}.assemble();
}

}  // namespace dec::model
