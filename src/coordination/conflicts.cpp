#include "conflicts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "dec/core/archive.hpp"
#include "naming.hpp"
#include "record.hpp"

namespace dec::coordination {

void report_hopeless(core::Communicator const& comm, model::LinDist3Flow& flow, VoltageLimits const& limits,
                     Answer& answer, bool by_curtailment) {
    constexpr double rounding = 1e-12, tie = 1e-9;
    auto const& piece = flow.piece();
    model::FlowState all;
    std::vector<double> const everything(answer.alpha.size(), 1.0);
    flow.solve(everything, all);
    auto const badness = violations(piece, answer.nodes, all);
    Remedies const remedies{comm, piece, limits};
    double available = 0.0;
    for (auto const& der : flow.ders()) available += der.available;
    std::string_view const how = comm.sum(available) > 0.0 ? " with everything curtailed" : " without any PV";
    core::Packer pack;
    for (std::size_t i = 0; i < badness.size(); ++i) {
        if (badness[i] <= rounding) continue;
        auto const& node = answer.nodes[i];
        double const v = seen(piece, all, node);
        bool const high = v > node.high;
        pack(badness[i]);
        pack(node.row);
        pack(high);
        double const before = seen(piece, answer.uncurtailed, node);
        pack(high ? before > node.high : before < node.low);
        pack(node_name(piece, node));
        pack(fmt::format("{:.4f} pu{}, the {} limit is {:.4f} pu", std::sqrt(std::max(v, 0.0)), how,
                         high ? "upper" : "lower", std::sqrt(high ? node.high : node.low)));
    }
    struct Hopeless {
        double badness = 0.0;
        std::int64_t row = 0;
        bool high = false, always = false;
        std::string name, problem;
    };
    std::vector<Hopeless> list;
    for (auto const& bytes : comm.gather(pack.take())) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& h = list.emplace_back();
            unpack(h.badness);
            unpack(h.row);
            unpack(h.high);
            unpack(h.always);
            unpack(h.name);
            unpack(h.problem);
        }
    }
    std::ranges::sort(list, [](auto const& a, auto const& b) {
        return std::abs(a.badness - b.badness) > tie ? a.badness > b.badness : a.row < b.row;
    });
    if (!by_curtailment || std::ranges::any_of(list, &Hopeless::always))
        std::erase_if(list, [](Hopeless const& h) { return !h.always; });
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(most, list.size()); ++i)
        answer.conflicts.push_back(
            {piece.feeder.heading.origin, "node " + list[i].name, list[i].problem, remedies.against(list[i].high)});
    if (list.size() > most)
        answer.conflicts.push_back(
            {piece.feeder.heading.origin,
             {},
             list.size() == most + 1 ? fmt::format("1 more node is outside its limit{}", how)
                                     : fmt::format("{} more nodes are outside their limits{}", list.size() - most, how),
             remedies.against(list[most].high),
             static_cast<std::int64_t>(list.size() - most)});
}

void report_conflict(core::Communicator const& comm, model::LinDist3Flow& flow, VoltageLimits const& limits,
                     Answer& answer, std::vector<double> const& low, std::vector<double> const& high) {
    constexpr double least_part = 1e-3;
    constexpr std::size_t most_named = 20;
    auto const& piece = flow.piece();
    model::FlowState all;
    flow.solve(std::vector<double>(answer.alpha.size(), 1.0), all);
    Remedies const remedies{comm, piece, limits};
    double total = 0.0;
    for (std::size_t i = 0; i < low.size(); ++i) total += low[i] + high[i];
    total = comm.sum(total);

    struct Named {
        double part = 0.0;
        std::int64_t row = 0;
        bool upper = false;
        double limit = 0.0, without = 0.0, with_all = 0.0;
        std::string name;
    };
    core::Packer own;
    auto const add = [&](std::size_t i, double multiplier, bool upper) {
        auto const& node = answer.nodes[i];
        double const part = total > 0.0 ? multiplier / total : 0.0;
        if (part < least_part) return;
        own(part);
        own(node.row);
        own(upper);
        own(std::sqrt(upper ? node.high : node.low));
        own(std::sqrt(std::max(0.0, seen(piece, answer.uncurtailed, node))));
        own(std::sqrt(std::max(0.0, seen(piece, all, node))));
        own(node_name(piece, node));
    };
    for (std::size_t i = 0; i < low.size(); ++i) {
        add(i, high[i], true);
        add(i, low[i], false);
    }
    std::vector<Named> named;
    for (auto const& bytes : comm.gather(own.take())) {
        core::Unpacker unpack{bytes};
        while (!unpack.exhausted()) {
            auto& n = named.emplace_back();
            unpack(n.part);
            unpack(n.row);
            unpack(n.upper);
            unpack(n.limit);
            unpack(n.without);
            unpack(n.with_all);
            unpack(n.name);
        }
    }
    if (comm.max(static_cast<std::int64_t>(named.size())) == 0) {
        // Found without a certificate, as where no decision moves what is outside its limit.
        report_hopeless(comm, flow, limits, answer, false);
        if (comm.is_root() && answer.conflicts.empty())
            answer.conflicts.push_back(
                {piece.feeder.heading.origin, {}, "the limits cannot be met together", "raise --vmax or lower --vmin"});
        return;
    }
    if (!comm.is_root()) return;
    std::ranges::sort(named,
                      [](auto const& a, auto const& b) { return a.part != b.part ? a.part > b.part : a.row < b.row; });
    for (std::size_t i = 0; i < std::min(named.size(), most_named); ++i) {
        auto const& n = named[i];
        answer.conflicts.push_back(
            {piece.feeder.heading.origin, "node " + n.name,
             fmt::format("{:.4f} pu with nothing and {:.4f} pu with everything curtailed, the {} limit is {:.4f} pu{}",
                         n.without, n.with_all, n.upper ? "upper" : "lower", n.limit,
                         named.size() > 1 ? fmt::format(" ({:.0f} % of the conflict)", 100.0 * n.part) : ""),
             remedies.against(n.upper)});
    }
    if (named.size() > most_named)
        answer.conflicts.push_back({piece.feeder.heading.origin,
                                    {},
                                    fmt::format("and {} nodes more", named.size() - most_named),
                                    {},
                                    static_cast<std::int64_t>(named.size() - most_named)});
}

}  // namespace dec::coordination
