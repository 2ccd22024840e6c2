#include "dec/powerflow/power_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "dec/core/archive.hpp"
#include "equations.hpp"

namespace dec::powerflow {

namespace {

constexpr auto width = Elimination::width;

/// A chord step that shrinks the change by less than this is followed by a new linearisation.
constexpr double stale = 0.2;
/// Newton's direction is believed this far: longer steps are cut to it.
constexpr double longest_step_pu = 0.5;
/// So many iterations that do not halve the best change are followed by so many with secants: beyond the loadability of a line
/// Newton's method runs in circles.
constexpr int patience = 6, secants = 8;

}  // namespace

std::string_view to_text(Status status) { return status == Status::converged ? "converged" : "diverged"; }

core::ExitCode exit_code(Status status) {
    return status == Status::converged ? core::ExitCode::solved : core::ExitCode::not_converged;
}

PowerFlow::Equations::Equations(core::Communicator const& communicator, partition::Piece const& held,
                                Settings const& wanted)
    : comm{communicator}, piece{held}, settings{wanted}, exchange{comm, piece},
      elimination{piece, exchange}, taps{tap_ratios(piece.feeder)}, attached{devices(piece, settings)},
      first(piece.own + 1, 0), g(attached.size()), h(attached.size()), shunts{capacitors(piece, settings.per_unit)},
      voltage(width * piece.vertices.size(), 0.0), before(voltage.size()), to_ground(3 * piece.vertices.size()),
      own_current(width * piece.own, 0.0), drawn(width * piece.own, 0.0) {
    for (auto const& device : attached) {
        ++first[static_cast<std::size_t>(device.vertex) + 1];
        power.push_back(device.power);
    }
    for (std::size_t j = 0; j < piece.own; ++j) first[j + 1] += first[j];
    core::together(comm, [&] {
        for (std::size_t j = 0; j < piece.own; ++j)
            if (piece.vertices[j].parent >= 0)
                elimination.set_branch(
                    j, in_coordinates(make_branch(piece, piece.vertices[j], taps, settings.per_unit),
                                      piece.vertices[static_cast<std::size_t>(piece.vertices[j].parent)],
                                      piece.vertices[j]));
    });
}

void PowerFlow::Equations::find_voltages_to_ground() {
    for (std::size_t j = 0; j < piece.vertices.size(); ++j) {
        auto const& vertex = piece.vertices[j];
        auto const n = vertex.phases.size();
        for (std::size_t k = 0; k < n; ++k) {
            to_ground[3 * j + k] = coordinates(j)[k];
            if (has_differences(vertex) && k + 1 < n) to_ground[3 * j + k] += coordinates(j)[n - 1];
        }
    }
}

Block PowerFlow::Equations::slope(std::size_t j) const {
    Block slope = Block::Zero();
    if (auto const row = shunts.row[j]; row >= 0)
        for (int i = 0; i < 3; ++i)
            for (int k = 0; k < 3; ++k) {
                Complex const y = shunts.coordinates[static_cast<std::size_t>(row)](i, k);
                slope.block<2, 2>(2 * i, 2 * k) << y.real(), -y.imag(), y.imag(), y.real();
            }
    for (auto d = first[j]; d < first[j + 1]; ++d) {
        auto const& device = attached[d];
        Eigen::Matrix2d part;
        part << g[d].real() + h[d].real(), h[d].imag() - g[d].imag(), g[d].imag() + h[d].imag(),
            g[d].real() - h[d].real();
        for (std::size_t a = 0; a < 2; ++a)
            for (std::size_t b = 0; b < 2; ++b)
                if (device.row[a] >= 0 && device.row[b] >= 0)
                    slope.block<2, 2>(2 * device.row[a], 2 * device.row[b]) += device.sign[a] * device.sign[b] * part;
    }
    return slope;
}

void PowerFlow::Equations::linearise(Slope kind) {
    double const began = MPI_Wtime();
    for (std::size_t d = 0; d < attached.size(); ++d) {
        g[d] = h[d] = {};
        if (kind == Slope::none) continue;
        auto const v = across(attached[d]);
        auto const i = linearised(attached[d], v);
        g[d] = kind == Slope::secant ? i.current / v : i.g;
        if (kind == Slope::tangent) h[d] = i.h;
    }
    ++factorisations;
    auto const undetermined = elimination.factor([this](std::size_t j) { return slope(j); });
    core::together(comm, [&] {
        if (undetermined >= 0) throw_undetermined(undetermined);
    });
    factor_seconds += MPI_Wtime() - began;
}

void PowerFlow::Equations::throw_undetermined(std::int32_t j) const {
    auto const& vertex = piece.vertices[static_cast<std::size_t>(j)];
    auto const element = vertex.bus.valid()
                             ? feeder::describe("bus", piece.feeder.buses, vertex.bus)
                             : feeder::describe("transformer", piece.feeder.transformers, vertex.transformer);
    throw core::InvalidInput{{piece.feeder.heading.origin, element, "nothing determines the voltages here",
                              "an ideal winding needs an impedance, or a conductor beside it"}};
}

void PowerFlow::Equations::gather(std::span<double> into) const {
    std::ranges::fill(into, 0.0);
    for (std::size_t d = 0; d < attached.size(); ++d) {
        auto const& device = attached[d];
        auto const v = across(device);
        Complex const i = current(device, v) - g[d] * v - h[d] * std::conj(v);
        auto* const row = into.data() + width * static_cast<std::size_t>(device.vertex);
        for (std::size_t a = 0; a < 2; ++a) {
            if (device.row[a] < 0) continue;
            row[2 * device.row[a]] += device.sign[a] * i.real();
            row[2 * device.row[a] + 1] += device.sign[a] * i.imag();
        }
    }
}

double PowerFlow::Equations::step() {
    std::ranges::copy(own_current, drawn.begin());
    double const change = std::sqrt(elimination.solve(drawn, voltage));
    // A maximum over ranks may lose what is not a number.
    return comm.max(std::isfinite(change) ? change : std::numeric_limits<double>::infinity());
}

void PowerFlow::Equations::start() {
    std::ranges::fill(voltage, 0.0);
    for (std::size_t j = 0; j < piece.own; ++j) {
        if (piece.vertices[j].parent >= 0) continue;
        auto const& source = piece.feeder.sources.rows()[0];
        double const pu = settings.source_voltage_pu
                              ? *settings.source_voltage_pu * source.nominal_v / std::numbers::sqrt3 /
                                    piece.feeder.buses[source.bus].base_v
                              : source.voltage_v / std::numbers::sqrt3 / piece.feeder.buses[source.bus].base_v;
        for (int k = 0; k < 3; ++k) {
            auto const v = std::polar(pu, source.angle_rad - 2.0 * std::numbers::pi * k / 3.0);
            voltage[width * j + 2 * static_cast<std::size_t>(k)] = v.real();
            voltage[width * j + 2 * static_cast<std::size_t>(k) + 1] = v.imag();
        }
    }
}

std::string PowerFlow::Equations::node_name(std::size_t j, std::size_t place) const {
    auto const& vertex = piece.vertices[j];
    if (!vertex.bus.valid()) return {};
    return fmt::format("{}.{}", piece.feeder.buses.name(vertex.bus),
                       feeder::to_text(*(vertex.phases.list().begin() + place)));
}

void PowerFlow::Equations::find_mismatch(Outcome& outcome) const {
    std::vector<double> now(own_current.size());
    gather(now);
    double worst = -1.0;
    std::size_t vertex = 0, place = 0;
    for (std::size_t j = 0; j < piece.own; ++j)
        for (std::size_t k = 0; k < piece.vertices[j].phases.size() && piece.vertices[j].bus.valid(); ++k) {
            auto const at = width * j + 2 * k;
            double kva = std::hypot(now[at] - own_current[at], now[at + 1] - own_current[at + 1]) *
                         std::abs(volts(j)[k]) * settings.per_unit.base_va / 1000.0;
            if (!std::isfinite(kva)) kva = std::numeric_limits<double>::max();
            if (kva <= worst) continue;
            worst = kva;
            vertex = j;
            place = k;
        }
    core::Packer own;
    if (worst >= 0.0) {
        own(worst);
        own(piece.vertices[vertex].global.value());
        own(node_name(vertex, place));
    }
    auto const gathered = comm.gather(own.take());
    core::Packer chosen;
    if (comm.is_root()) {
        struct Found {
            double kva = 0.0;
            std::int64_t global = 0;
            std::string name;
        };
        Found largest;
        for (auto const& bytes : gathered) {
            if (bytes.empty()) continue;
            core::Unpacker unpack{bytes};
            Found found;
            unpack(found.kva);
            unpack(found.global);
            unpack(found.name);
            // Of equals the first in the feeder's order.
            if (largest.name.empty() || found.kva > largest.kva ||
                (found.kva == largest.kva && found.global < largest.global))
                largest = found;
        }
        chosen(largest.kva);
        chosen(largest.name);
    }
    auto bytes = chosen.take();
    comm.broadcast(bytes);
    core::Unpacker unpack{bytes};
    unpack(outcome.mismatch_kva);
    unpack(outcome.mismatch_node);
}

PowerFlow::PowerFlow(core::Communicator const& comm, partition::Piece const& piece, Settings const& settings)
    : equations_{std::make_unique<Equations>(comm, piece, settings)} {}

PowerFlow::~PowerFlow() = default;

void PowerFlow::curtail(std::span<double const> share) {
    auto& e = *equations_;
    for (std::size_t i = 0; i < e.attached.size(); ++i) {
        auto& device = e.attached[i];
        if (device.kind != DeviceKind::pv) continue;
        double const kept = 1.0 - share[static_cast<std::size_t>(device.element)];
        device.power = {kept * e.power[i].real(), e.power[i].imag()};
    }
}

Outcome PowerFlow::solve(Start from) {
    using Slope = Equations::Slope;
    auto& e = *equations_;
    Outcome outcome;
    outcome.changes.reserve(static_cast<std::size_t>(e.settings.max_iterations));
    double const began = MPI_Wtime();
    e.factorisations = 0;
    e.factor_seconds = 0.0;
    double change = 0.0;
    if (from == Start::no_load || !e.solved) {
        e.start();
        e.linearise(Slope::none);
        std::ranges::fill(e.own_current, 0.0);
        change = e.step();
        e.linearise(Slope::tangent);
    }
    double previous = std::numeric_limits<double>::infinity(), best = previous;
    int in_vain = 0, secants_left = 0;
    while (outcome.iterations < e.settings.max_iterations) {
        e.gather(e.own_current);
        std::ranges::copy(e.voltage, e.before.begin());
        change = e.step();
        ++outcome.iterations;
        outcome.changes.push_back(change);
        if (change <= e.settings.tolerance_pu) {
            outcome.status = Status::converged;
            break;
        }
        if (!std::isfinite(change)) break;
        in_vain = change < 0.5 * best ? 0 : in_vain + 1;
        best = std::min(best, change);
        if (secants_left == 0 && in_vain == patience) {
            secants_left = secants;
            best = std::numeric_limits<double>::infinity();
        }
        if (secants_left > 0) {
            e.linearise(--secants_left > 0 ? Slope::secant : Slope::tangent);
            in_vain = 0;
            continue;
        }
        bool const too_long = change > longest_step_pu;
        for (std::size_t i = 0; too_long && i < e.voltage.size(); ++i)
            e.voltage[i] = e.before[i] + longest_step_pu / change * (e.voltage[i] - e.before[i]);
        if (too_long || change > stale * previous) e.linearise(Slope::tangent);
        previous = change;
    }
    e.solved = outcome.status == Status::converged;
    e.find_voltages_to_ground();
    outcome.factorisations = e.factorisations;
    outcome.change_pu = change;
    outcome.factor_seconds = e.factor_seconds;
    outcome.seconds = MPI_Wtime() - began;
    e.find_mismatch(outcome);
    return outcome;
}

std::span<Complex const> PowerFlow::voltages() const {
    return {equations_->volts(0), equations_->piece.vertices.size() * 3};
}
Complex PowerFlow::voltage(std::size_t vertex, feeder::Phase phase) const {
    return equations_->volts(vertex)[equations_->piece.vertices[vertex].phases.position(phase)];
}
partition::Piece const& PowerFlow::piece() const { return equations_->piece; }
Settings const& PowerFlow::settings() const { return equations_->settings; }
std::int64_t PowerFlow::bytes_sent() const { return equations_->exchange.bytes_sent(); }

Complex seen_voltage(PowerFlow const& flow, std::size_t at, feeder::Phase phase) {
    auto const& vertex = flow.piece().vertices[at];
    Complex const unknown{std::numeric_limits<double>::quiet_NaN(), 0.0};
    if (!vertex.phases.contains(phase)) return unknown;
    if (!vertex.floating_delta) return flow.voltage(at, phase);
    auto const [m, n] = feeder::delta_pair(phase);
    if (!vertex.phases.contains(n)) return unknown;
    return (flow.voltage(at, m) - flow.voltage(at, n)) / std::numbers::sqrt3;
}

}  // namespace dec::powerflow
