#include "marginal_prices.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "binding.hpp"
#include "dec/core/archive.hpp"

namespace dec::coordination {

namespace {

/// Names of limits of any rank: `names` has those that this rank asks for, and gets them. Collective.
void fetch_names(core::Communicator const& comm, std::span<PricedLimit const> own,
                 std::function<std::string(std::size_t)> const& name, std::map<std::int64_t, std::string>& names) {
    std::vector<double> asked;
    for (auto const& [order, empty] : names) asked.push_back(static_cast<double>(order));
    auto all = comm.all_gather(asked);
    std::ranges::sort(all);
    core::Packer pack;
    for (std::size_t k = 0; k < own.size(); ++k) {
        if (!std::ranges::binary_search(all, static_cast<double>(own[k].order))) continue;
        pack(own[k].order);
        pack(name(k));
    }
    std::vector<std::vector<char>> const to_all(static_cast<std::size_t>(comm.size()), pack.take());
    for (auto const& bytes : comm.all_to_all(to_all)) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            std::int64_t order = 0;
            std::string text;
            unpack(order);
            unpack(text);
            if (auto const place = names.find(order); place != names.end()) place->second = std::move(text);
        }
    }
}

}  // namespace

void MarginalPrices::add_weight(Node const& node, double weight) {
    auto const& vertex = flow_.piece().vertices[static_cast<std::size_t>(node.vertex)];
    Eigen::Map<model::Vector3>{weight_.data() + static_cast<std::ptrdiff_t>(node.vertex)* 3} +=
        weight * (vertex.floating_delta ? model::Vector3{model::line_to_line().row(node.place).transpose()}
                                        : model::Vector3{model::Vector3::Unit(node.place)});
}

std::vector<double> MarginalPrices::gradient(std::span<Node const> nodes, std::vector<double> const& low,
                                             std::vector<double> const& high) {
    weight_.assign(3 * flow_.piece().vertices.size(), 0.0);
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (high[i] != low[i]) add_weight(nodes[i], high[i] - low[i]);
    std::vector<double> result(flow_.ders().size());
    flow_.gradient(weight_, result);
    return result;
}

void MarginalPrices::name_binding(std::vector<char> const& ders, std::vector<double> const& low,
                                  std::vector<double> const& high, std::span<Eigen::Vector2d const> ratings,
                                  Answer& answer) {
    constexpr double negligible = 1e-9;  // of the highest price
    constexpr double nothing = 1e-7;     // curtailed share that nobody would notice
    auto const& piece = flow_.piece();
    // What a limit costs altogether, so that those of voltages and of powers compare: squared voltages are about 1.
    auto const size = [&](std::size_t r) { return ratings[r].norm() * answer.ratings[r].limit; };
    double highest = 0.0;
    for (std::size_t i = 0; i < low.size(); ++i) highest = std::max(highest, std::abs(high[i] - low[i]));
    for (std::size_t r = 0; r < ratings.size(); ++r) highest = std::max(highest, size(r));
    highest = comm_.max(highest);

    std::vector<PricedLimit> limits;
    std::vector<std::size_t> source;  // nodes, then ratings
    for (std::size_t i = 0; i < low.size(); ++i) {
        double const price = high[i] - low[i];
        if (std::abs(price) <= negligible * highest) continue;
        auto const& node = answer.nodes[i];
        limits.push_back({.vertex = node.vertex, .order = node.row, .of_voltage = price * seen_weight(piece, node)});
        source.push_back(i);
    }
    for (std::size_t r = 0; r < ratings.size(); ++r) {
        if (size(r) <= negligible * highest) continue;
        auto const& branch = answer.ratings[r];
        auto& limit = limits.emplace_back(branch.vertex, piece.totals.nodes + branch.row);
        limit.of_power << ratings[r].x() * branch.weight, ratings[r].y() * branch.weight;
        source.push_back(low.size() + r);
    }
    std::vector<char> wanted(ders.size(), 0);
    for (std::size_t d = 0; d < ders.size(); ++d) wanted[d] = ders[d] != 0 && answer.alpha[d] > nothing ? 1 : 0;
    auto const binding = binding_limits(comm_, flow_, limits, wanted);
    auto const name = [&](std::size_t k) {
        auto const i = source[k];
        return i < low.size() ? node_name(piece, answer.nodes[i]) : answer.ratings[i - low.size()].name;
    };
    std::map<std::int64_t, std::string> names;
    for (auto const order : binding) names[order];
    names.erase(-1);
    fetch_names(comm_, limits, name, names);
    for (std::size_t d = 0; d < ders.size(); ++d)
        if (wanted[d] != 0) answer.binding[d] = binding[d] < 0 ? std::string{} : names[binding[d]];
}

void report_prices(std::vector<double> const& low, std::vector<double> const& high, Answer& answer) {
    answer.price_low.clear();
    answer.price_high.clear();
    for (std::size_t i = 0; i < answer.nodes.size(); ++i) {
        auto const& node = answer.nodes[i];
        answer.price_low.push_back(node.low > 0.0 ? 2.0 * std::sqrt(node.low) * low[i] : 0.0);
        answer.price_high.push_back(2.0 * std::sqrt(node.high) * high[i]);
    }
}

}  // namespace dec::coordination
