/// What the branches carry and lose once the voltages are known.
#include <Eigen/QR>
#include <algorithm>
#include <limits>

#include "equations.hpp"

namespace dec::powerflow {

namespace {

using partition::VertexRange;
using VectorX = Eigen::VectorXcd;

constexpr auto width = Elimination::width;

/// Of one own vertex: its branch and the currents of the coils.
struct Carried {
    Branch branch;
    VectorX coils;
};

/// Currents of the coils that bring `arriving` to the place below. Coils are as many as conductors, or their impedances say how
/// they share; the equations of both together are consistent.
VectorX coil_currents(Branch const& branch, VectorX const& arriving, VectorX const& up, VectorX const& down) {
    auto const coils = branch.down.rows(), places = branch.down.cols();
    VectorX right(places + coils);
    Eigen::MatrixXcd system(places + coils, coils);
    system << branch.down.transpose(), branch.impedance;
    right << arriving, branch.up * up - branch.down * down;
    return system.colPivHouseholderQr().solve(right);
}

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
    Balance own;
    std::vector<Carried> carried(piece.own);
    std::vector<double> rows(width * piece.vertices.size(), 0.0);
    auto const taken = [&](std::int32_t vertex, Eigen::Index places) {
        return Eigen::Map<VectorX>{reinterpret_cast<Complex*>(rows.data()) + 3 * at(vertex), places};
    };
    auto& exchange = e.exchange;
    exchange.up(rows, width, [&](VertexRange range) {
        for (auto j = range.end - 1; j >= range.begin; --j) {
            auto const& vertex = piece.vertices[at(j)];
            if (vertex.parent < 0) continue;
            auto const v = voltage(j);
            auto const n = v.size();
            VectorX drawn = VectorX::Zero(n);
            for (auto d = e.first[at(j)]; d < e.first[at(j) + 1]; ++d) {
                auto const& device = e.attached[d];
                auto const across = e.across(device);
                auto const i = current(device, across);
                // Coordinates of currents: the last one is the sum where voltages are differences.
                for (std::size_t a = 0; a < 2; ++a)
                    if (device.row[a] >= 0) drawn(device.row[a]) += device.sign[a] * i;
                Complex const power = across * std::conj(i) * base_va;
                switch (device.kind) {
                    case DeviceKind::load: own.loads += power; break;
                    case DeviceKind::machine: own.machines -= power; break;
                    case DeviceKind::battery: own.batteries -= power; break;
                    case DeviceKind::pv: own.pv -= power; break;
                }
            }
            if (has_differences(vertex)) drawn(n - 1) -= drawn.head(n - 1).sum();
            VectorX arriving = drawn;
            if (auto const row = e.shunts.row[at(j)]; row >= 0)
                arriving += e.shunts.places[at(row)].topLeftCorner(n, n) * v;
            for (std::int32_t c = 0; c < vertex.children; ++c)
                arriving += taken(piece.children[at(vertex.first_child + c)], n);
            auto& here = carried[at(j)];
            here.branch = make_branch(piece, vertex, e.taps, e.settings.per_unit);
            auto const above = voltage(vertex.parent);
            VectorX const with_charging = arriving + here.branch.shunt_down * v;
            here.coils = coil_currents(here.branch, with_charging, above, v);
            taken(j, above.size()) = here.branch.up.transpose() * here.coils + here.branch.shunt_up * above;
            if (piece.vertices[at(vertex.parent)].kind == feeder::Vertex::Kind::ideal_source)
                own.source += arriving.dot(v) * base_va;
        }
    });

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

    Flows flows;
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

    for (auto const& row : piece.branches) {
        auto& flow = flows.branches.emplace_back(nothing());
        if (row.vertex < 0) continue;
        auto const& vertex = piece.vertices[at(row.vertex)];
        auto const& [branch, coils] = carried[at(row.vertex)];
        auto const v = voltage(row.vertex);
        auto const part = std::ranges::find_if(branch.parts, [&](BranchPart const& p) {
            return p.feeding.kind == row.feeding.kind && p.feeding.element == row.feeding.element;
        });
        VectorX const current =
            branch.down.middleRows(part->first, part->count).transpose() * coils.segment(part->first, part->count) -
            part->shunt_down * v;
        auto const& lost = losses[at(row.vertex)][static_cast<std::size_t>(part - branch.parts.begin())];
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
