#include "dec/coordination/agent_messages.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace dec::coordination {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Writes down what passes above the tops of agents.
class Listener final : public solvers::CutLinks {
  public:
    /// \param entries of program.above, one per agent.
    Listener(solvers::TreeLinks& ranks, solvers::CutProgram const& cut, std::vector<std::size_t> entries,
             std::int64_t program, AgentMessages& messages)
        : CutLinks{ranks, cut}, cut_{cut}, entries_{std::move(entries)}, number_{program}, messages_{messages} {}

    void up(int level, std::span<double const> above, std::span<double> below, std::size_t width) override {
        CutLinks::up(level, above, below, width);
        auto const first = level == levels() - 1;
        if (width == solvers::width_of_value(messages_.cut_size)) {
            if (first) begin_iteration();
            keep(level, above, width, messages_.value);
            state_ = State::predicted;
        } else if (width == messages_.cut_size && state_ != State::nothing) {
            // Slopes alone are the corrector's.
            messages_.iterations.back().corrected = true;
            state_ = State::corrected;
            keep(level, above, width, messages_.slopes);
        } else count(level, width, messages_.other_up);
    }

    void down(int level, std::span<double const> below, std::span<double> above, std::size_t width) override {
        CutLinks::down(level, below, above, width);
        if (width != messages_.cut_size || state_ == State::nothing) count(level, width, messages_.other_down);
        else keep(level, above, width, state_ == State::predicted ? messages_.step : messages_.corrected_step);
    }

  private:
    enum class State : std::uint8_t { nothing, predicted, corrected };

    void begin_iteration() {
        auto& all = messages_.iterations;
        bool const same = !all.empty() && all.back().program == number_;
        all.push_back({.program = number_, .iteration = same ? all.back().iteration + 1 : 1});
        auto const agents = messages_.agents.size();
        auto const k = messages_.cut_size;
        messages_.value.resize(messages_.value.size() + agents * solvers::width_of_value(k), nan);
        for (auto* rows : {&messages_.step, &messages_.slopes, &messages_.corrected_step})
            rows->resize(rows->size() + agents * k, nan);
    }

    void keep(int level, std::span<double const> rows, std::size_t width, std::vector<double>& to) const {
        auto const first = to.size() - messages_.agents.size() * width;
        for (std::size_t i = 0; i < entries_.size(); ++i)
            if (cut_.program.above[entries_[i]].level == level)
                std::ranges::copy(rows.subspan(entries_[i] * width, width),
                                  to.begin() + static_cast<std::ptrdiff_t>(first + i * width));
    }

    /// Of one agent; they are all told as much.
    void count(int level, std::size_t width, std::int64_t& numbers) const {
        if (level == levels() - 1) numbers += static_cast<std::int64_t>(width);
    }

    solvers::CutProgram const& cut_;
    std::vector<std::size_t> entries_;
    std::int64_t number_;
    AgentMessages& messages_;
    State state_ = State::nothing;
};

}  // namespace

Disclosure::Disclosure(partition::Piece const& piece) {
    auto const boundaries = partition::boundaries(piece);
    std::vector<char> inside(piece.own, 0);  // of an agent behind a service transformer
    for (std::size_t i = 0; i < boundaries.size(); ++i) {
        auto const& boundary = boundaries[i];
        auto const kind = piece.agents[core::Index<partition::Agent>{boundary.downstream}].kind;
        if (kind == feeder::Area::Kind::secondary) inside[static_cast<std::size_t>(boundary.vertex)] = 1;
    }
    // One within another is the outer one's business.
    std::vector<char> nested(piece.own, 0);
    for (std::size_t j = 0; j < piece.own; ++j) {
        auto const parent = piece.vertices[j].parent;
        if (parent < 0 || static_cast<std::size_t>(parent) >= piece.own) continue;
        auto const above = static_cast<std::size_t>(parent);
        nested[j] = inside[above] != 0 || nested[above] != 0 ? 1 : 0;
    }
    for (std::size_t i = 0; i < boundaries.size(); ++i) {
        auto const top = static_cast<std::size_t>(boundaries[i].vertex);
        if (inside[top] == 0 || nested[top] != 0) continue;
        tops_.push_back(boundaries[i].vertex);
        messages_.agents.push_back({.boundary = static_cast<std::int32_t>(i)});
    }
}

solvers::TreeOutcome Disclosure::solve(solvers::TreeProgram const& program, solvers::TreeLinks& links,
                                       solvers::TreeSettings const& settings, solvers::TreeStart const* start,
                                       solvers::TreeObserver const& watch) {
    std::vector<std::int32_t> within;  // tops whose parent is on this rank
    for (auto const top : tops_)
        if (program.vertices[static_cast<std::size_t>(top)].parent >= 0) within.push_back(top);
    auto const cut = solvers::cut_above(program, within);
    std::vector<std::size_t> entries;
    std::size_t own = 0;
    for (std::size_t i = 0; i < tops_.size(); ++i) {
        auto const& vertex = program.vertices[static_cast<std::size_t>(tops_[i])];
        messages_.agents[i].rows = vertex.parent_rows;
        messages_.agents[i].flows = vertex.parent_flows;
        if (vertex.parent >= 0) entries.push_back(cut.own[own++].first);
        else
            entries.push_back(static_cast<std::size_t>(
                std::ranges::find(program.above, tops_[i], &solvers::TreeCut::vertex) - program.above.begin()));
    }
    std::array size{0.0};
    for (auto const& between : cut.program.above)
        size[0] = std::max(size[0], static_cast<double>(between.parent_rows + between.parent_flows));
    links.max(size);
    messages_.cut_size = static_cast<std::size_t>(size[0]);

    Listener listener{links, cut, std::move(entries), ++programs_, messages_};
    std::vector<double> u(program.controls.size());
    solvers::TreeObserver const in_order = [&](solvers::TreeRound const& round) {
        for (std::size_t k = 0; k < u.size(); ++k) u[static_cast<std::size_t>(cut.control[k])] = round.u[k];
        auto given = round;
        given.u = u;
        return watch(given);
    };
    solvers::TreeStart restarted;
    if (start != nullptr) restarted = solvers::in_cut_order(cut, *start);
    return solvers::in_given_order(
        cut, solvers::solve(cut.program, listener, settings, start != nullptr ? &restarted : nullptr, in_order));
}

}  // namespace dec::coordination
