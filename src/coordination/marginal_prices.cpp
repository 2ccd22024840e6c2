#include "marginal_prices.hpp"

#include <algorithm>
#include <cmath>

#include "dec/core/archive.hpp"

namespace dec::coordination {

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

std::vector<std::string> MarginalPrices::binding_nodes(std::span<Node const> nodes, std::vector<double> const& low,
                                                       std::vector<double> const& high) {
    struct Candidate {
        double price = 0.0;
        std::int64_t row = 0;
        std::string name;
    };
    constexpr double negligible = 1e-9;  // of the highest price
    double highest = 0.0;
    for (std::size_t i = 0; i < nodes.size(); ++i) highest = std::max(highest, std::abs(high[i] - low[i]));
    highest = comm_.max(highest);
    core::Packer own;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        double const price = high[i] - low[i];
        if (highest == 0.0 || std::abs(price) <= negligible * highest) continue;
        own(price);
        own(nodes[i].row);
        own(node_name(flow_.piece(), nodes[i]));
    }
    std::vector<std::vector<char>> const to_all(static_cast<std::size_t>(comm_.size()), own.take());
    std::vector<Candidate> candidates;
    for (auto const& bytes : comm_.all_to_all(to_all)) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& c = candidates.emplace_back();
            unpack(c.price);
            unpack(c.row);
            unpack(c.name);
        }
    }
    std::ranges::sort(candidates, [](auto const& a, auto const& b) {
        return std::abs(a.price) != std::abs(b.price) ? std::abs(a.price) > std::abs(b.price) : a.row < b.row;
    });
    if (candidates.size() > most_candidates) candidates.resize(most_candidates);
    std::ranges::sort(candidates, {}, &Candidate::row);

    constexpr double tie = 1e-9;
    std::vector<double> effect(flow_.ders().size()), most(effect.size(), 0.0);
    std::vector<std::string> names(effect.size());
    for (auto const& candidate : candidates) {
        weight_.assign(3 * flow_.piece().vertices.size(), 0.0);
        for (auto const& node : nodes)
            if (node.row == candidate.row) add_weight(node, candidate.price);
        flow_.gradient(weight_, effect);
        for (std::size_t d = 0; d < effect.size(); ++d) {
            double const part = -effect[d];  // what curtailing relieves is worth something
            if (part <= most[d] * (1.0 + tie) || part <= 0.0) continue;
            most[d] = part;
            names[d] = candidate.name;
        }
    }
    return names;
}

void MarginalPrices::name_binding(std::vector<char> const& ders, std::vector<double> const& low,
                                  std::vector<double> const& high, Answer& answer) {
    constexpr double nothing = 1e-7;  // curtailed share that nobody would notice
    auto const names = binding_nodes(answer.nodes, low, high);
    for (std::size_t d = 0; d < ders.size(); ++d)
        if (ders[d] != 0 && answer.alpha[d] > nothing) answer.binding[d] = names[d];
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
