#include "dec/solvers/tree_cuts.hpp"

#include <algorithm>

namespace dec::solvers {

namespace {

template <class Value>
std::vector<Value> back(std::vector<Value> const& values, std::vector<std::int32_t> const& given) {
    std::vector<Value> result(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) result[static_cast<std::size_t>(given[i])] = values[i];
    return result;
}

template <class Value>
std::vector<Value> picked(std::vector<Value> const& values, std::vector<std::int32_t> const& given) {
    std::vector<Value> result;
    for (auto const i : given)
        if (!values.empty()) result.push_back(values[static_cast<std::size_t>(i)]);
    return result;
}

std::vector<std::int32_t> inverse(std::vector<std::int32_t> const& given) {
    std::vector<std::int32_t> result(given.size());
    for (std::size_t i = 0; i < given.size(); ++i)
        result[static_cast<std::size_t>(given[i])] = static_cast<std::int32_t>(i);
    return result;
}

}  // namespace

CutProgram cut_above(TreeProgram const& given, std::span<std::int32_t const> tops) {
    auto const count = given.vertices.size();
    auto const at = [](std::int32_t i) { return static_cast<std::size_t>(i); };
    std::vector<char> below(count, 0), top(count, 0);
    for (auto const t : tops) top[at(t)] = below[at(t)] = 1;
    for (std::size_t j = 0; j < count; ++j)
        if (given.vertices[j].parent >= 0 && below[at(given.vertices[j].parent)] != 0) below[j] = 1;

    CutProgram cut;
    auto& to = cut.program;
    to = given;
    to.level_start = {0};
    for (int level = 0; level < given.levels(); ++level)
        for (int const side : {0, 1}) {
            for (auto j = given.level_start[at(level)]; j < given.level_start[at(level) + 1]; ++j)
                if (below[at(j)] == side) cut.vertex.push_back(j);
            to.level_start.push_back(static_cast<std::int32_t>(cut.vertex.size()));
        }
    auto const number = inverse(cut.vertex);
    to.vertices.clear();
    to.controls.clear();
    for (auto const old : cut.vertex) {
        auto vertex = given.vertices[at(old)];
        for (auto& [first, size, all] : {std::tuple{&vertex.first_row, std::int32_t{vertex.rows}, &cut.row},
                                         std::tuple{&vertex.first_control, vertex.controls, &cut.control}}) {
            auto const begin = *first;
            *first = static_cast<std::int32_t>(all->size());
            for (std::int32_t i = 0; i < size; ++i) all->push_back(begin + i);
        }
        for (std::int32_t d = 0; d < vertex.controls; ++d) {
            to.controls.push_back(given.controls[at(given.vertices[at(old)].first_control + d)]);
            to.controls.back().vertex = static_cast<std::int32_t>(to.vertices.size());
        }
        vertex.parent = vertex.parent < 0 || top[at(old)] != 0 ? -1 : number[at(vertex.parent)];
        to.vertices.push_back(vertex);
    }
    to.low = picked(given.low, cut.row);
    to.high = picked(given.high, cut.row);
    for (auto& group : to.groups)
        if (group.top >= 0) group.top = number[at(group.top)];

    auto const control = inverse(cut.control);
    auto const renumber = [](auto& limits, auto const& place, auto member, std::vector<std::int32_t>& order) {
        for (std::size_t i = 0; i < limits.size(); ++i) {
            limits[i].*member = place[static_cast<std::size_t>(limits[i].*member)];
            order.push_back(static_cast<std::int32_t>(i));
        }
        std::ranges::stable_sort(order, {},
                                 [&](std::int32_t i) { return limits[static_cast<std::size_t>(i)].*member; });
        limits = picked(limits, order);
    };
    renumber(to.flow_limits, number, &TreeFlowLimit::vertex, cut.flow_limit);
    renumber(to.pair_limits, control, &TreePairLimit::control, cut.pair_limit);

    for (auto* cuts : {&to.above, &to.below})
        for (auto& between : *cuts) {
            between.vertex = number[at(between.vertex)];
            between.level *= 2;
        }
    for (auto const t : tops) {
        auto const& vertex = given.vertices[at(t)];
        auto const& mine = to.vertices[at(number[at(t)])];
        int level = 0;
        while (given.level_start[at(level) + 1] <= t) ++level;
        cut.own.emplace_back(to.above.size(), to.below.size());
        TreeCut const link{.vertex = number[at(t)],
                           .level = 2 * level + 1,
                           .parent_rows = mine.parent_rows,
                           .parent_flows = mine.parent_flows};
        to.above.push_back(link);
        to.below.push_back(link);
        to.below.back().vertex = number[at(vertex.parent)];
    }
    return cut;
}

TreeOutcome in_given_order(CutProgram const& cut, TreeOutcome outcome) {
    outcome.u = back(outcome.u, cut.control);
    for (auto* values : {&outcome.state, &outcome.price_low, &outcome.price_high}) *values = back(*values, cut.row);
    outcome.price_flow = back(outcome.price_flow, cut.flow_limit);
    outcome.price_pair = back(outcome.price_pair, cut.pair_limit);
    if (!outcome.control_price.empty()) outcome.control_price = back(outcome.control_price, cut.control);
    outcome.flow.clear();
    return outcome;
}

TreeStart in_cut_order(CutProgram const& cut, TreeStart const& start) {
    return {.u = picked(start.u, cut.control),
            .y = start.y,
            .price_low = picked(start.price_low, cut.row),
            .price_high = picked(start.price_high, cut.row),
            .price_flow = picked(start.price_flow, cut.flow_limit),
            .price_pair = picked(start.price_pair, cut.pair_limit)};
}

void CutLinks::up(int level, std::span<double const> above, std::span<double> below, std::size_t width) {
    auto const& own = cut_.own;
    if (level % 2 == 0) {
        auto const extra = own.size() * width;
        ranks_.up(level / 2, above.first(above.size() - extra), below.first(below.size() - extra), width);
        return;
    }
    for (auto const& [from, to] : own)
        if (cut_.program.above[from].level == level)
            std::ranges::copy(above.subspan(from * width, width), below.subspan(to * width).begin());
}

void CutLinks::down(int level, std::span<double const> below, std::span<double> above, std::size_t width) {
    auto const& own = cut_.own;
    if (level % 2 == 0) {
        auto const extra = own.size() * width;
        ranks_.down(level / 2, below.first(below.size() - extra), above.first(above.size() - extra), width);
        return;
    }
    for (auto const& [to, from] : own)
        if (cut_.program.above[to].level == level)
            std::ranges::copy(below.subspan(from * width, width), above.subspan(to * width).begin());
}

TreeMessage read_message(std::span<double const> row, int rows, int flows, bool with_value) {
    auto const n = static_cast<std::size_t>(rows), m = static_cast<std::size_t>(flows);
    TreeMessage message{
        .rows = rows, .flows = flows, .a = row.first(n), .b = row.subspan(n, m), .A = {}, .B = {}, .C = {}};
    if (!with_value) return message;
    message.A.resize(n * n);
    message.B.resize(n * m);
    message.C.resize(m * m);
    auto const* next = row.data() + n + m;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = i; j < n; ++j) message.A[i * n + j] = message.A[j * n + i] = *next++;
        for (std::size_t j = 0; j < m; ++j) message.B[i * m + j] = *next++;
    }
    for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = i; j < m; ++j) message.C[i * m + j] = message.C[j * m + i] = *next++;
    return message;
}

}  // namespace dec::solvers
