#include "binding.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "contenders.hpp"

namespace dec::coordination {

namespace {

using model::Matrix63;
using model::Vector3;
using model::Vector6;
using partition::LocalVertex;

/// Positions of things sorted by the own vertex they belong to.
class AtVertices {
  public:
    template <class VertexOf>
    AtVertices(std::size_t vertices, std::size_t count, VertexOf const& vertex_of) : start_(vertices + 1, 0) {
        for (std::size_t i = 0; i < count; ++i)
            if (vertex_of(i) >= 0) ++start_[static_cast<std::size_t>(vertex_of(i)) + 1];
        std::partial_sum(start_.begin(), start_.end(), start_.begin());
        order_.resize(static_cast<std::size_t>(start_.back()));
        auto next = start_;
        for (std::size_t i = 0; i < count; ++i)
            if (vertex_of(i) >= 0) order_[static_cast<std::size_t>(next[static_cast<std::size_t>(vertex_of(i))]++)] = i;
    }
    [[nodiscard]] std::span<std::size_t const> at(std::int32_t vertex) const {
        auto const v = static_cast<std::size_t>(vertex);
        return {order_.data() + start_[v], static_cast<std::size_t>(start_[v + 1] - start_[v])};
    }

  private:
    std::vector<std::int32_t> start_;
    std::vector<std::size_t> order_;
};

/// A part is g'(F c), with g what the DER draws at the last vertex that it has in common with the limit, c the limit's weights of
/// the voltages there, and F how these voltages answer to what is drawn. Limits come up as c, and go down, from where a branch leaves
/// their path, as F c: what is drawn in the branch meets nothing else of them.
class Search {
  public:
    Search(core::Communicator const& comm, model::LinDist3Flow& flow, std::span<PricedLimit const> limits,
           std::span<char const> wanted)
        : comm_{comm}, flow_{flow}, piece_{flow.piece()}, limits_{limits}, limits_at_{piece_.own, limits.size(),
                                                                                      [&](std::size_t i) {
                                                                                          return limits[i].vertex;
                                                                                      }},
          ders_at_{piece_.own, wanted.size(),
                   [&](std::size_t d) { return wanted[d] != 0 ? flow.ders()[d].vertex : -1; }},
          first_(piece_.vertices.size(), 0), count_(piece_.vertices.size(), 0), has_limits_(piece_.own, 0),
          settled_(piece_.own, -1), binding_(wanted.size(), -1) {
        for (auto const& cut : piece_.cuts_up) cut_of_.emplace_back(cut.inner, cut_of_.size());
        std::ranges::sort(cut_of_);
        for (auto j = static_cast<std::int32_t>(piece_.own) - 1; j >= 0; --j) {
            auto& has = has_limits_[static_cast<std::size_t>(j)];
            if (!limits_at_.at(j).empty()) has = 1;
            if (has != 0 && vertex(j).parent >= 0 && is_own(vertex(j).parent))
                has_limits_[static_cast<std::size_t>(vertex(j).parent)] = 1;
        }
    }

    std::vector<std::int64_t> run() {
        gather_cones();
        go_up();
        go_down();
        return std::move(binding_);
    }

  private:
    struct Given {  // what a vertex hears from above, in terms of the vertex above
        Matrix63 answer = Matrix63::Zero();
        PowerContenders limits;
    };
    struct Frame {
        std::int32_t vertex = -1;
        Matrix63 answer = Matrix63::Zero();             // F
        std::size_t begin = 0, end_above = 0, end = 0;  // of stack_: from above and its own; and from all branches
        std::size_t pruned = 0;                         // limits that were left when it was last looked who is beaten
    };

    [[nodiscard]] LocalVertex const& vertex(std::int32_t j) const {
        return piece_.vertices[static_cast<std::size_t>(j)];
    }
    [[nodiscard]] bool is_own(std::int32_t j) const { return static_cast<std::size_t>(j) < piece_.own; }
    [[nodiscard]] auto children(std::int32_t j) const {
        auto const& v = vertex(j);
        return std::span{piece_.children}.subspan(static_cast<std::size_t>(v.first_child),
                                                  static_cast<std::size_t>(v.children));
    }
    [[nodiscard]] std::span<Contender<Vector3> const> of_branch(std::int32_t j) const {
        return {from_below_.data() + first_[static_cast<std::size_t>(j)], count_[static_cast<std::size_t>(j)]};
    }
    [[nodiscard]] static Cone cone(std::vector<double> const& cones, std::int32_t j) {
        auto const* const row = cones.data() + 12 * static_cast<std::ptrdiff_t>(j);
        return {Eigen::Map<Vector6 const>{row}, Eigen::Map<Vector6 const>{row + 6}};
    }
    [[nodiscard]] Vector3 of_voltage(PricedLimit const& limit) const {
        return limit.of_voltage + flow_.elimination(limit.vertex).slope.transpose() * limit.of_power;
    }

    void gather_cones();
    void go_up();
    void go_down();
    void keep(std::int32_t j, VoltageContenders const& list);
    void visit(std::int32_t j);
    void take_outside(Frame const& frame, std::int32_t child, PowerContenders& list) const;
    void decide(std::int32_t j, std::span<Contender<Vector6> const> limits);
    /// Whether the vertex waits for no other rank: those are visited after all others.
    [[nodiscard]] bool is_last(std::int32_t j) const {
        return j >= piece_.level_start[static_cast<std::size_t>(piece_.levels()) - 1];
    }

    core::Communicator const& comm_;
    model::LinDist3Flow& flow_;
    partition::Piece const& piece_;
    std::span<PricedLimit const> limits_;
    AtVertices limits_at_, ders_at_;
    std::vector<double> cones_;               // 12 per own vertex: of what DERs at and below it draw there
    VoltageContenders from_below_;            // of each vertex's branch, in terms of the vertex above
    std::vector<std::size_t> first_, count_;  // per local vertex, of these
    std::vector<std::pair<std::int32_t, std::size_t>> cut_of_;  // vertex, row of cuts_up; sorted
    std::vector<Given> given_, to_give_;                        // per row of cuts_up, cuts_down
    std::map<std::int32_t, Given> given_later_;                 // to vertices of the last level
    std::vector<Frame> path_;
    std::vector<char> has_limits_;  // per own vertex: at it or, on this rank, below
    // Per own vertex: the one limit that all DERs at and below it have a part in, or -1.
    std::vector<std::int64_t> settled_;
    PowerContenders stack_, list_;
    std::vector<std::int64_t> binding_;
};

void Search::gather_cones() {
    auto const put = [](std::vector<double>& cones, std::size_t j, Cone const& cone) {
        Eigen::Map<Vector6>{cones.data() + 12 * j} = cone.low;
        Eigen::Map<Vector6>{cones.data() + 12 * j + 6} = cone.high;
    };
    cones_.resize(12 * piece_.own);
    std::vector<double> above(12 * piece_.vertices.size());  // of what each branch draws from the vertex above it
    for (std::size_t j = 0; j < piece_.vertices.size(); ++j) put(above, j, Cone{});
    flow_.exchange().up(above, 12, [&](partition::VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            Cone all;
            for (auto const d : ders_at_.at(j)) all.include(flow_.ders()[d].full);
            for (auto const c : children(j)) all.include(cone(above, c));
            put(cones_, static_cast<std::size_t>(j), all);
            if (vertex(j).parent >= 0) put(above, static_cast<std::size_t>(j), all.through(flow_.elimination(j).up));
        }
    });
}

void Search::keep(std::int32_t j, VoltageContenders const& list) {
    first_[static_cast<std::size_t>(j)] = from_below_.size();
    count_[static_cast<std::size_t>(j)] = list.size();
    from_below_.insert(from_below_.end(), list.begin(), list.end());
}

void Search::go_up() {
    VoltageContenders list;
    for (int level = piece_.levels() - 1; level >= 0; --level) {
        auto const l = static_cast<std::size_t>(level);
        for (auto j = piece_.level_start[l + 1] - 1; j >= piece_.level_start[l]; --j) {
            if (vertex(j).parent < 0) continue;
            list.clear();
            for (auto const i : limits_at_.at(j))
                if (Vector3 const weights = of_voltage(limits_[i]); !weights.isZero(0.0))
                    list.push_back({limits_[i].order, weights});
            auto sources = list.size();
            for (auto const c : children(j)) {
                auto const branch = of_branch(c);
                sources += branch.empty() ? 0 : 1;
                list.insert(list.end(), branch.begin(), branch.end());
            }
            if (list.empty()) continue;
            if (sources > 1) keep_extreme(list);
            model::Matrix3 const to_above = flow_.elimination(j).down.transpose();
            for (auto& limit : list) limit.vector = to_above * limit.vector;
            keep(j, list);
        }
        if (level == 0) break;
        std::int64_t longest = 0;
        for (auto const& cut : piece_.cuts_up)
            if (cut.level == level) longest = std::max(longest, static_cast<std::int64_t>(of_branch(cut.inner).size()));
        longest = comm_.max(longest);
        if (longest == 0) continue;
        // Lists are filled up to the longest with what has no order.
        auto const width = 4 * static_cast<std::size_t>(longest);
        std::vector<double> sent(piece_.cuts_up.size() * width, -1.0), received(piece_.cuts_down.size() * width, -1.0);
        for (std::size_t k = 0; k < piece_.cuts_up.size(); ++k) {
            if (piece_.cuts_up[k].level != level) continue;
            auto* at = sent.data() + k * width;
            for (auto const& limit : of_branch(piece_.cuts_up[k].inner)) {
                *at = static_cast<double>(limit.order);
                Eigen::Map<Vector3>{at + 1} = limit.vector;
                at += 4;
            }
        }
        flow_.exchange().up_across(level, sent, received, width);
        for (std::size_t k = 0; k < piece_.cuts_down.size(); ++k) {
            if (piece_.cuts_down[k].level != level) continue;
            list.clear();
            auto const* at = received.data() + k * width;
            for (std::int64_t i = 0; i < longest && *at >= 0.0; ++i, at += 4)
                list.push_back({static_cast<std::int64_t>(*at), Eigen::Map<Vector3 const>{at + 1}});
            keep(piece_.cuts_down[k].halo, list);
        }
    }
}

/// What is drawn in the branch of `child` may meet, at the vertex above it: all that is there but what is in the branch itself.
void Search::take_outside(Frame const& frame, std::int32_t child, PowerContenders& list) const {
    auto const* const all = stack_.data();
    if (of_branch(child).empty()) {
        list.assign(all + frame.end_above, all + frame.end);
        return;
    }
    list.assign(all + frame.begin, all + frame.end_above);
    for (auto const c : children(frame.vertex))
        if (c != child)
            for (auto const& limit : of_branch(c)) list.push_back({limit.order, frame.answer * limit.vector});
}

void Search::decide(std::int32_t j, std::span<Contender<Vector6> const> limits) {
    for (auto const d : ders_at_.at(j)) {
        auto const& full = flow_.ders()[d].full;
        double largest = 0.0;
        for (auto const& limit : limits) largest = std::max(largest, full.dot(limit.vector));
        if (largest <= 0.0) continue;
        for (auto const& limit : limits)
            if (full.dot(limit.vector) >= largest * (1.0 - equal_parts) &&
                (binding_[d] < 0 || limit.order < binding_[d]))
                binding_[d] = limit.order;
    }
}

void Search::visit(std::int32_t j) {
    auto const drawn = cone(cones_, j);
    if (drawn.empty()) return;
    constexpr std::size_t few = 4;
    auto const parent = vertex(j).parent;
    auto& settled = settled_[static_cast<std::size_t>(j)];
    if (parent >= 0 && is_own(parent)) settled = settled_[static_cast<std::size_t>(parent)];
    if (settled >= 0) {
        for (auto const d : ders_at_.at(j)) binding_[d] = settled;
        return;
    }
    Frame frame{.vertex = j, .pruned = few};
    // Every pair is looked at: not before there are twice as many.
    auto const has_grown = [&] { return list_.size() > 2 * frame.pruned; };
    list_.clear();
    if (parent >= 0) {
        auto const e = flow_.elimination(j);
        Matrix63 above = Matrix63::Zero();
        if (is_own(parent) && is_last(parent) == is_last(j)) {
            while (path_.back().vertex != parent) path_.pop_back();
            stack_.resize(path_.back().end);
            above = path_.back().answer;
            frame.pruned = path_.back().pruned;
            take_outside(path_.back(), j, list_);
        } else {
            auto const cut = std::ranges::lower_bound(cut_of_, std::pair{j, std::size_t{0}});
            auto given = is_own(parent) ? std::move(given_later_.extract(j).mapped()) : std::move(given_[cut->second]);
            above = given.answer;
            list_ = std::move(given.limits);
            path_.clear();
            stack_.clear();
        }
        frame.answer = e.self.transpose() + e.up.transpose() * above * e.down.transpose();
        for (auto& limit : list_) limit.vector = e.up.transpose() * limit.vector;
        // Along a line who is best hardly changes; where phases leave it does. Where no limits are left below one look decides for
        // all.
        bool const leaves_limits = has_limits_[static_cast<std::size_t>(j)] == 0 && is_own(parent) &&
                                   has_limits_[static_cast<std::size_t>(parent)] != 0;
        if (has_grown() || leaves_limits || vertex(j).phases != vertex(parent).phases) {
            keep_best(list_, drawn);
            frame.pruned = std::max(few, list_.size());
        }
    }
    for (auto const i : limits_at_.at(j))
        list_.push_back({limits_[i].order, frame.answer * of_voltage(limits_[i]) - limits_[i].of_power});
    bool grows = !limits_at_.at(j).empty();
    frame.begin = stack_.size();
    stack_.insert(stack_.end(), list_.begin(), list_.end());
    frame.end_above = stack_.size();
    for (auto const c : children(j)) {
        grows = grows || !of_branch(c).empty();
        for (auto const& limit : of_branch(c)) list_.push_back({limit.order, frame.answer * limit.vector});
    }
    if (grows && has_grown()) keep_best(list_, drawn);
    decide(j, list_);
    bool const is_alone = list_.size() == 1 && is_last(j) && has_limits_[static_cast<std::size_t>(j)] == 0;
    if (is_alone && all_have_part(list_.front().vector, drawn)) settled = list_.front().order;
    stack_.insert(stack_.end(), list_.begin(), list_.end());
    frame.end = stack_.size();
    path_.push_back(frame);
    for (auto const c : children(j)) {
        if (is_own(c) && is_last(c) == is_last(j)) continue;
        if (is_own(c)) {
            auto& given = given_later_[c];
            given.answer = frame.answer;
            take_outside(frame, c, given.limits);
            continue;
        }
        auto const cut = std::ranges::find(piece_.cuts_down, c, &partition::Cut::halo);
        auto& to_give = to_give_[static_cast<std::size_t>(cut - piece_.cuts_down.begin())];
        to_give.answer = frame.answer;
        take_outside(frame, c, to_give.limits);
    }
}

void Search::go_down() {
    given_.resize(piece_.cuts_up.size());
    to_give_.resize(piece_.cuts_down.size());
    for (int level = 0; level < piece_.levels(); ++level) {
        auto const l = static_cast<std::size_t>(level);
        if (level > 0) {
            std::int64_t longest = 0;
            for (std::size_t k = 0; k < to_give_.size(); ++k)
                if (piece_.cuts_down[k].level == level)
                    longest = std::max(longest, static_cast<std::int64_t>(to_give_[k].limits.size()));
            longest = comm_.max(longest);
            auto const width = 18 + 7 * static_cast<std::size_t>(longest);
            std::vector<double> sent(to_give_.size() * width, -1.0), received(given_.size() * width, -1.0);
            for (std::size_t k = 0; k < to_give_.size(); ++k) {
                if (piece_.cuts_down[k].level != level) continue;
                auto* at = sent.data() + k * width;
                Eigen::Map<Matrix63>{at} = to_give_[k].answer;
                at += 18;
                for (auto const& limit : to_give_[k].limits) {
                    *at = static_cast<double>(limit.order);
                    Eigen::Map<Vector6>{at + 1} = limit.vector;
                    at += 7;
                }
            }
            flow_.exchange().down_across(level, sent, received, width);
            for (std::size_t k = 0; k < given_.size(); ++k) {
                if (piece_.cuts_up[k].level != level) continue;
                auto const* at = received.data() + k * width;
                given_[k].answer = Eigen::Map<Matrix63 const>{at};
                at += 18;
                for (std::int64_t i = 0; i < longest && *at >= 0.0; ++i, at += 7)
                    given_[k].limits.push_back({static_cast<std::int64_t>(*at), Eigen::Map<Vector6 const>{at + 1}});
            }
        }
        for (auto j = piece_.level_start[l]; j < piece_.level_start[l + 1]; ++j) visit(j);
    }
}

}  // namespace

std::vector<std::int64_t> binding_limits(core::Communicator const& comm, model::LinDist3Flow& flow,
                                         std::span<PricedLimit const> limits, std::span<char const> wanted) {
    if (comm.sum(static_cast<std::int64_t>(limits.size())) == 0) return std::vector<std::int64_t>(wanted.size(), -1);
    return Search{comm, flow, limits, wanted}.run();
}

}  // namespace dec::coordination
