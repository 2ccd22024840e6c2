/// What the branches carry and lose once the voltages are known.
#include <algorithm>
#include <limits>

#include "equations.hpp"

namespace dec::powerflow {

namespace {

using partition::VertexRange;
using VectorX = Eigen::VectorXcd;

constexpr auto width = Elimination::width;

double real_power(Complex v, Complex i) { return (v * std::conj(i)).real(); }

/// Per part of a branch, per place below it; pu.
struct PartLosses {
    feeder::Feeding::Kind kind = feeder::Feeding::Kind::line;
    Eigen::VectorXd place;
};
using Losses = std::vector<PartLosses>;

/// Coil by coil what its impedance takes, and what charging and core take at either end.
Losses losses_of(Carried const& carried, VectorX const& up, VectorX const& down) {
    auto const& branch = carried.branch;
    VectorX const drop = branch.impedance * carried.coils;
    Losses losses;
    for (auto const& part : branch.parts) {
        PartLosses lost{part.feeding.kind, Eigen::VectorXd::Zero(down.size())};
        VectorX const charging = part.shunt_down * down;
        for (Eigen::Index k = 0; k < down.size(); ++k) lost.place(k) += real_power(down(k), charging(k));
        double const above = (part.shunt_up * up).dot(up).real();
        for (Eigen::Index k = 0; k < part.count; ++k)
            lost.place(part.row[static_cast<std::size_t>(k)]) +=
                real_power(drop(part.first + k), carried.coils(part.first + k)) +
                above / static_cast<double>(part.count);
        losses.push_back(std::move(lost));
    }
    return losses;
}

BranchFlow nothing() {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    BranchFlow flow;
    flow.into_va.fill({nan, nan});
    flow.current_a.fill(nan);
    flow.loss_w.fill(nan);
    return flow;
}

Balance summed(core::Communicator const& comm, Balance const& own) {
    auto const sum = [&](Complex s) { return Complex{comm.sum(s.real()), comm.sum(s.imag())}; };
    return {.source = sum(own.source),
            .loads = sum(own.loads),
            .pv = sum(own.pv),
            .batteries = sum(own.batteries),
            .machines = sum(own.machines),
            .losses_w = comm.sum(own.losses_w)};
}

}  // namespace

std::vector<double> PowerFlow::Equations::brought() {
    std::vector<double> rows(width * piece.vertices.size(), 0.0);
    gather_all(std::span{rows}.first(width * piece.own));
    elimination.bring(rows, voltage);
    return rows;
}

Carried PowerFlow::Equations::carried(std::size_t j, std::span<double const> brought) const {
    auto const& vertex = piece.vertices[j];
    auto const ground = [&](std::size_t at) {
        return Eigen::Map<VectorX const>{volts(at), static_cast<Eigen::Index>(piece.vertices[at].phases.size())};
    };
    auto const n = static_cast<Eigen::Index>(vertex.phases.size());
    VectorX arriving = Eigen::Map<VectorX const>{reinterpret_cast<Complex const*>(brought.data()) + 3 * j, n};
    // Coordinates of currents: the last one is the sum where voltages are differences.
    if (has_differences(vertex)) arriving(n - 1) -= arriving.head(n - 1).sum();
    auto branch = make_branch(piece, vertex, taps, settings.per_unit);
    auto coils = coil_currents(branch, arriving, ground(static_cast<std::size_t>(vertex.parent)), ground(j));
    return {std::move(branch), std::move(coils)};
}

std::vector<Reading> PowerFlow::readings() {
    auto& e = *equations_;
    auto const& piece = e.piece;
    std::vector<Reading> seen;
    if (e.piece.totals.controls == 0) return seen;
    auto const brought = e.brought();
    for (auto const& monitor : piece.monitors) {
        auto& reading = seen.emplace_back();
        auto const j = static_cast<std::size_t>(monitor.vertex);
        bool const alone = monitor.element < 0;
        auto const at = alone || monitor.lower ? j : static_cast<std::size_t>(piece.vertices[j].parent);
        auto const& place = piece.vertices[at];
        double const base_v = base_voltage(piece, place);
        for (feeder::Phase p : place.phases.list())
            reading.volts[feeder::slot(p)] = e.volts(at)[place.phases.position(p)] * base_v;
        if (alone) continue;
        auto const& [branch, coils] = e.carried(j, brought);
        auto const part = std::ranges::find_if(branch.parts, [&](BranchPart const& p) {
            return p.feeding.kind == monitor.kind && p.feeding.element == monitor.element &&
                   p.feeding.winding == monitor.winding;
        });
        auto const own = coils.segment(part->first, part->count);
        Eigen::Map<VectorX const> const v{e.volts(at), static_cast<Eigen::Index>(place.phases.size())};
        VectorX const into =
            monitor.lower
                ? VectorX{part->shunt_down * v - branch.down.middleRows(part->first, part->count).transpose() * own}
                : VectorX{part->shunt_up * v + branch.up.middleRows(part->first, part->count).transpose() * own};
        double const amperes = e.settings.per_unit.base_va / base_v;
        for (feeder::Phase p : place.phases.list())
            reading.amperes[feeder::slot(p)] = into(static_cast<Eigen::Index>(place.phases.position(p))) * amperes;
    }
    return seen;
}

Flows PowerFlow::flows() {
    auto& e = *equations_;
    auto const& piece = e.piece;
    double const base_va = e.settings.per_unit.base_va;
    auto const at = [&](std::int32_t vertex) { return static_cast<std::size_t>(vertex); };
    auto const voltage = [&](std::int32_t vertex) {
        return Eigen::Map<VectorX const>{e.volts(at(vertex)),
                                         static_cast<Eigen::Index>(piece.vertices[at(vertex)].phases.size())};
    };

    // Up: what arrives at a place is what its devices, capacitors and charging draw, and what its branches take.
    auto const brought = e.brought();
    std::vector<Carried> carried(piece.own), of_ties;
    for (std::size_t j = 0; j < piece.own; ++j)
        if (piece.vertices[j].parent >= 0) carried[j] = e.carried(j, brought);
    for (std::size_t t = 0; t < piece.ties.size(); ++t)
        of_ties.push_back({make_branch(piece, piece.ties[t], e.taps, e.settings.per_unit), e.tie_currents[t]});
    Balance own;
    Flows flows;
    flows.pv_va.resize(piece.feeder.pv_systems.size());
    for (auto const& device : e.attached) {
        auto const across = e.across(device);
        Complex const power = across * std::conj(current(device, across)) * base_va;
        switch (device.kind) {
            case DeviceKind::load: own.loads += power; break;
            case DeviceKind::machine: own.machines -= power; break;
            case DeviceKind::battery: own.batteries -= power; break;
            case DeviceKind::pv:
                own.pv -= power;
                flows.pv_va[at(device.element)] -= power;
                break;
        }
    }
    for (std::size_t j = 0; j < piece.own; ++j)
        if (auto const parent = piece.vertices[j].parent;
            parent >= 0 && piece.vertices[at(parent)].kind == feeder::Vertex::Kind::ideal_source) {
            auto const v = voltage(static_cast<std::int32_t>(j));
            own.source += (carried[j].branch.down.transpose() * carried[j].coils).dot(v) * base_va;
        }
    auto& exchange = e.exchange;

    // Down: the windings behind a star point share what the member above it loses.
    constexpr std::size_t shared_width = width + 2;
    std::vector<double> shared(shared_width * piece.vertices.size(), 0.0);
    auto const drop_of_star = [&](std::int32_t star, Eigen::Index places) {
        return Eigen::Map<VectorX>{reinterpret_cast<Complex*>(shared.data() + shared_width * at(star)), places};
    };
    exchange.down(shared, shared_width, [&](VertexRange range) {
        for (auto j = range.begin; j < range.end; ++j) {
            auto const& vertex = piece.vertices[at(j)];
            if (vertex.kind != feeder::Vertex::Kind::star_point) continue;
            auto const& [branch, coils] = carried[at(j)];
            auto drop = drop_of_star(j, branch.down.cols());
            drop = branch.down.transpose() * (branch.impedance * coils);
            VectorX const passed_on = branch.down.transpose() * coils;
            double lost = 0.0;
            for (auto const& part : losses_of(carried[at(j)], voltage(vertex.parent), voltage(j)))
                lost += part.place.sum();
            // The core, where it sits above the star point, serves all of them alike.
            shared[shared_width * at(j) + width] =
                (lost - passed_on.dot(drop).real()) / std::max(1.0, static_cast<double>(vertex.children));
        }
    });

    flows.into_vertex.resize(piece.own);
    std::vector<Losses> losses(piece.own);
    for (std::size_t j = 0; j < piece.own; ++j) {
        auto const& vertex = piece.vertices[j];
        if (vertex.parent < 0) continue;
        auto const place = static_cast<std::int32_t>(j);
        VectorX const arriving = carried[j].branch.down.transpose() * carried[j].coils;
        std::ranges::copy(arriving, flows.into_vertex[j].begin());
        losses[j] = losses_of(carried[j], voltage(vertex.parent), voltage(place));
        for (auto const& part : losses[j])
            if (part.kind != feeder::Feeding::Kind::source_impedance) own.losses_w += part.place.sum() * base_va;
        // What the member above a star point loses is in the sum already.
        if (piece.vertices[at(vertex.parent)].kind != feeder::Vertex::Kind::star_point) continue;
        auto const& [branch, coils] = carried[j];
        VectorX const extra = branch.up * drop_of_star(vertex.parent, branch.up.cols());
        auto const& part = branch.parts.front();
        for (Eigen::Index k = 0; k < part.count; ++k)
            losses[j].front().place(part.row[static_cast<std::size_t>(k)]) += real_power(extra(k), coils(k));
        losses[j].front().place(part.row.front()) += shared[shared_width * at(vertex.parent) + width];
    }

    std::vector<Losses> losses_of_ties;
    for (std::size_t t = 0; t < piece.ties.size(); ++t) {
        auto const& tie = piece.ties[t];
        losses_of_ties.push_back(losses_of(of_ties[t], voltage(tie.from), voltage(tie.to)));
        if (at(tie.to) >= piece.own) continue;
        for (auto const& part : losses_of_ties.back()) own.losses_w += part.place.sum() * base_va;
    }

    for (auto const& row : piece.branches) {
        auto& flow = flows.branches.emplace_back(nothing());
        if (row.vertex < 0) continue;
        auto const& vertex = piece.vertices[at(row.vertex)];
        auto const& [branch, coils] = row.tie < 0 ? carried[at(row.vertex)] : of_ties[at(row.tie)];
        auto const& lost_here = row.tie < 0 ? losses[at(row.vertex)] : losses_of_ties[at(row.tie)];
        auto const v = voltage(row.vertex);
        auto const part = std::ranges::find_if(branch.parts, [&](BranchPart const& p) {
            return p.feeding.kind == row.feeding.kind && p.feeding.element == row.feeding.element;
        });
        VectorX const current =
            branch.down.middleRows(part->first, part->count).transpose() * coils.segment(part->first, part->count) -
            part->shunt_down * v;
        auto const& lost = lost_here[static_cast<std::size_t>(part - branch.parts.begin())];
        double const amperes = base_va / base_voltage(piece, vertex);
        for (feeder::Phase p : (row.phases & vertex.phases).list()) {
            auto const k = static_cast<Eigen::Index>(vertex.phases.position(p));
            flow.into_va[feeder::slot(p)] = v(k) * std::conj(current(k)) * base_va;
            flow.current_a[feeder::slot(p)] = std::abs(current(k)) * amperes;
            flow.loss_w[feeder::slot(p)] = lost.place(k) * base_va;
        }
    }
    flows.balance = summed(e.comm, own);
    return flows;
}

}  // namespace dec::powerflow
