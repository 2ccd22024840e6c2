#include "dec/powerflow/power_flow.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "dec/core/archive.hpp"
#include "equations.hpp"
#include "sparse_newton.hpp"

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

std::string_view to_text(Status status) {
    switch (status) {
        case Status::converged: return "converged";
        case Status::diverged: return "diverged";
        case Status::iteration_limit: return "iteration_limit";
    }
    return {};
}

std::string_view to_text(Solver solver) { return solver == Solver::tree ? "tree" : "sparse"; }

core::ExitCode exit_code(Status status) {
    return status == Status::converged ? core::ExitCode::solved : core::ExitCode::not_converged;
}

Positions positions_of(feeder::Feeder const& feeder) {
    Positions positions;
    for (auto const& tap : feeder.tap_changers.rows()) positions.tap_steps.push_back(tap.step);
    for (auto const& capacitor : feeder.capacitors.rows()) positions.capacitor_sections.push_back(capacitor.sections);
    return positions;
}

void apply(Positions const& positions, feeder::Feeder& feeder) {
    for (std::size_t i = 0; i < positions.tap_steps.size(); ++i)
        feeder.tap_changers.rows()[i].step = positions.tap_steps[i];
    for (std::size_t i = 0; i < positions.capacitor_sections.size(); ++i)
        feeder.capacitors.rows()[i].sections = positions.capacitor_sections[i];
}

namespace {

/// first[j] of items in the order of their own vertices: those of j are [first[j], first[j + 1]).
std::vector<std::size_t> grouped_by_vertex(auto const& items, std::size_t own) {
    std::vector<std::size_t> first(own + 1, 0);
    for (auto const& item : items) ++first[static_cast<std::size_t>(item.vertex) + 1];
    for (std::size_t j = 0; j < own; ++j) first[j + 1] += first[j];
    return first;
}

std::vector<std::size_t> find_tapped(partition::Piece const& piece) {
    std::vector<bool> has_tap(piece.feeder.transformers.size(), false);
    for (auto const& tap : piece.feeder.tap_changers.rows()) has_tap[tap.transformer.at()] = true;
    std::vector<std::size_t> tapped;
    for (std::size_t j = 0; j < piece.own; ++j) {
        auto const& vertex = piece.vertices[j];
        auto const feedings = std::span{piece.feedings}.subspan(static_cast<std::size_t>(vertex.first_feeding),
                                                                static_cast<std::size_t>(vertex.feedings));
        if (std::ranges::any_of(feedings, [&](feeder::Feeding const& f) {
                return (f.kind == feeder::Feeding::Kind::transformer || f.kind == feeder::Feeding::Kind::star_member) &&
                       has_tap[static_cast<std::size_t>(f.element)];
            }))
            tapped.push_back(j);
    }
    return tapped;
}

}  // namespace

PowerFlow::Equations::Equations(core::Communicator const& communicator, partition::Piece const& held,
                                Settings const& wanted)
    : comm{communicator}, piece{held}, settings{wanted}, curves{wanted.curves}, exchange{comm, piece},
      elimination{piece, exchange}, positions{positions_of(piece.feeder)}, taps{feeder::taps_of(piece.feeder,
                                                                                                positions.tap_steps)},
      tapped{find_tapped(piece)}, attached{devices(piece, settings)}, first{grouped_by_vertex(attached, piece.own)},
      stretch(attached.size(), 1.0), g(attached.size()),
      h(attached.size()), following{followers(piece, settings, attached)}, first_following{grouped_by_vertex(
                                                                               following, piece.own)},
      curve_slopes(following.size()), shunts{capacitors(piece, positions.capacitor_sections, settings.per_unit)},
      voltage(width * piece.vertices.size(), 0.0), before(voltage.size()), to_ground(3 * piece.vertices.size()),
      own_current(width * piece.own, 0.0), drawn(width * piece.own, 0.0) {
    for (auto const& device : attached) power.push_back(device.power);
    core::together(comm, [&] {
        for (std::size_t j = 0; j < piece.own; ++j)
            if (piece.vertices[j].parent >= 0) set_branch(j);
    });
}

void PowerFlow::Equations::set_branch(std::size_t j) {
    auto const& vertex = piece.vertices[j];
    elimination.set_branch(j, in_coordinates(make_branch(piece, vertex, taps, settings.per_unit),
                                             piece.vertices[static_cast<std::size_t>(vertex.parent)], vertex));
}

void PowerFlow::Equations::move_to(Positions const& wanted) {
    if (wanted.capacitor_sections != positions.capacitor_sections)
        shunts = capacitors(piece, wanted.capacitor_sections, settings.per_unit);
    bool const taps_move = wanted.tap_steps != positions.tap_steps;
    positions = wanted;
    if (!taps_move) return;
    taps = feeder::taps_of(piece.feeder, positions.tap_steps);
    for (auto const j : tapped) set_branch(j);
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

Block PowerFlow::Equations::capacitor_slope(std::size_t j) const {
    Block slope = Block::Zero();
    if (auto const row = shunts.row[j]; row >= 0)
        for (int i = 0; i < 3; ++i)
            for (int k = 0; k < 3; ++k) {
                Complex const y = shunts.coordinates[static_cast<std::size_t>(row)](i, k);
                slope.block<2, 2>(2 * i, 2 * k) << y.real(), -y.imag(), y.imag(), y.real();
            }
    return slope;
}

Block PowerFlow::Equations::device_slope(std::size_t j) const {
    Block slope = Block::Zero();
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
    for (auto f = first_following[j]; f < first_following[j + 1]; ++f)
        slope += curve_slopes[f].current * curve_slopes[f].voltage.transpose();
    return slope;
}

void PowerFlow::Equations::follow_curves() {
    for (std::size_t f = 0; f < following.size(); ++f) {
        auto const& follower = following[f];
        auto const injected = followed(f);
        double const to_place = has_places() ? place_on_curve[f] / mean_voltage(follower) : 1.0;
        for (std::size_t k = 0; k < follower.count; ++k) {
            attached[follower.first + k].power =
                Complex{-injected.p_w.value, injected.q_var.value} * (follower.share[k] / settings.per_unit.base_va);
            stretch[follower.first + k] = to_place;
        }
    }
}

void PowerFlow::Equations::find_slopes(Slope kind) {
    if (kind != Slope::none) follow_curves();
    for (std::size_t d = 0; d < attached.size(); ++d) {
        g[d] = h[d] = {};
        if (kind == Slope::none) continue;
        auto const v = stretch[d] * across(attached[d]);
        auto const i = linearised(attached[d], v);
        g[d] = kind == Slope::secant ? i.current / v : i.g;
        if (kind == Slope::tangent) h[d] = i.h;
    }
    for (std::size_t f = 0; f < following.size(); ++f) {
        auto const& follower = following[f];
        auto& slope = curve_slopes[f];
        slope.current.setZero();
        slope.voltage.setZero();
        if (kind != Slope::tangent) continue;
        for (std::size_t k = 0; k < follower.count; ++k) {
            auto const& device = attached[follower.first + k];
            auto const v = across(device);
            double const share = 1.0 / (device.nominal * static_cast<double>(follower.count));
            // d|V| = Re(conj(V) dV) / |V|.
            add_current(device, v / std::abs(v) * share, slope.voltage.data());
        }
        auto const injected = followed(f);
        for (std::size_t k = 0; k < follower.count; ++k) {
            // A device's current is linear in its power.
            auto moved = attached[follower.first + k];
            moved.power =
                Complex{-injected.p_w.slope, injected.q_var.slope} * (follower.share[k] / settings.per_unit.base_va);
            add_current(moved, current(moved, stretch[follower.first + k] * across(moved)), slope.current.data());
        }
    }
}

void PowerFlow::Equations::linearise(Slope kind) {
    double const began = MPI_Wtime();
    find_slopes(kind);
    ++factorisations;
    auto const undetermined =
        elimination.factor([this](std::size_t j) -> Block { return capacitor_slope(j) + device_slope(j); });
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

void PowerFlow::Equations::gather(std::span<double> into) {
    std::ranges::fill(into, 0.0);
    follow_curves();
    for (std::size_t d = 0; d < attached.size(); ++d) {
        auto const& device = attached[d];
        auto const v = stretch[d] * across(device);
        add_current(device, current(device, v) - g[d] * v - h[d] * std::conj(v),
                    into.data() + width * static_cast<std::size_t>(device.vertex));
    }
    for (std::size_t f = 0; f < following.size(); ++f) {
        auto const at = width * static_cast<std::size_t>(following[f].vertex);
        Eigen::Map<Eigen::Matrix<double, 6, 1> const> const v{voltage.data() + at};
        Eigen::Map<Eigen::Matrix<double, 6, 1>>{into.data() + at} -=
            (has_places() ? place_on_curve[f] : curve_slopes[f].voltage.dot(v)) * curve_slopes[f].current;
    }
}

void PowerFlow::Equations::gather_all(std::span<double> into) {
    std::ranges::fill(into, 0.0);
    follow_curves();
    for (auto const& device : attached)
        add_current(device, current(device, across(device)),
                    into.data() + width * static_cast<std::size_t>(device.vertex));
    auto const row = [&](std::size_t j) {
        return Eigen::Map<Eigen::Vector3cd>{reinterpret_cast<Complex*>(into.data()) + 3 * j};
    };
    auto const volts = [&](std::size_t j) { return Eigen::Map<Eigen::Vector3cd const>{coordinates(j)}; };
    for (std::size_t j = 0; j < piece.own; ++j)
        if (auto const c = shunts.row[j]; c >= 0) row(j) += shunts.coordinates[static_cast<std::size_t>(c)] * volts(j);
    for (std::size_t t = 0; t < piece.ties.size(); ++t) {
        auto const& tie = piece.ties[t];
        auto const from = static_cast<std::size_t>(tie.from), to = static_cast<std::size_t>(tie.to);
        auto const branch =
            in_coordinates(make_branch(piece, tie, taps, settings.per_unit), piece.vertices[from], piece.vertices[to]);
        auto const m = branch.up.cols(), n = branch.down.cols();
        if (from < piece.own)
            row(from).head(m) += branch.up.transpose() * tie_currents[t] + branch.shunt_up * volts(from).head(m);
        if (to < piece.own)
            row(to).head(n) += branch.shunt_down * volts(to).head(n) - branch.down.transpose() * tie_currents[t];
    }
}

double PowerFlow::Equations::step() {
    std::ranges::copy(own_current, drawn.begin());
    double const change = std::sqrt(elimination.solve(drawn, voltage));
    // A maximum over ranks may lose what is not a number.
    return comm.max(std::isfinite(change) ? change : std::numeric_limits<double>::infinity());
}

void PowerFlow::Equations::start_source() {
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

void PowerFlow::Equations::find_mismatch(Outcome& outcome) {
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
    name_mismatch(outcome, worst, vertex, place);
}

void PowerFlow::Equations::name_mismatch(Outcome& outcome, double worst, std::size_t vertex, std::size_t place) const {
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

Outcome PowerFlow::solve(Start start) {
    auto& e = *equations_;
    auto const choice = e.settings.solver;
    bool const has_ties = e.piece.totals.ties > 0;
    core::together(e.comm, [&] {
        if (choice == SolverChoice::tree && has_ties)
            throw core::InvalidInput{{e.piece.feeder.heading.origin, "the feeder", "has loops",
                                      "the tree's solver needs a radial feeder; leave the choice to the program"}};
    });
    if (choice != SolverChoice::sparse && !has_ties) {
        auto const on_tree = solve_on_tree(start);
        if (choice == SolverChoice::tree || on_tree.status == Status::converged) return on_tree;
    }
    if (!sparse_) sparse_ = std::make_unique<SparseNewton>(e);
    return sparse_->solve(start);
}

void PowerFlow::curtail(std::span<double const> share, std::span<double const> reactive) {
    auto& e = *equations_;
    std::vector<double> available(reactive.size(), 0.0);
    for (std::size_t i = 0; i < e.attached.size() && !reactive.empty(); ++i)
        if (e.attached[i].kind == DeviceKind::pv)
            available[static_cast<std::size_t>(e.attached[i].element)] -= e.power[i].real();
    for (std::size_t i = 0; i < e.attached.size(); ++i) {
        auto& device = e.attached[i];
        if (device.kind != DeviceKind::pv) continue;
        auto const row = static_cast<std::size_t>(device.element);
        // Powers of devices are conjugates of what is drawn.
        double const active = -e.power[i].real();
        bool const decided = !reactive.empty() && std::isfinite(reactive[row]) && available[row] > 0.0;
        device.power = {-(1.0 - share[row]) * active,
                        decided ? reactive[row] * (active / available[row]) : e.power[i].imag()};
    }
}

void PowerFlow::keep_models_above(std::optional<double> v_pu) {
    // Of two numbers that mean the same voltage none is the lower one. A step a little below is better stayed away from than crossed:
    // files round nominal voltages.
    constexpr double same = 1e-9, near = 1e-4;
    double const as_wide = limits_of(DeviceKind::load, LoadLimits::wide).high;
    for (auto& device : equations_->attached) {
        bool const steps = device.exponential && device.steps;
        bool const keeps = v_pu && device.has_limit && device.high_pu() >= *v_pu - (steps ? near : same);
        device.stays_above = keeps && steps && std::abs(equations_->across(device)) > device.own_high * device.nominal;
        device.high = keeps && !device.stays_above ? std::max(device.own_high, as_wide) : device.own_high;
    }
}

std::vector<double> PowerFlow::steps_above() const {
    std::vector<double> lowest(equations_->piece.own, std::numeric_limits<double>::infinity());
    for (auto const& device : equations_->attached)
        if (device.exponential && device.steps && (device.stays_above || device.high > device.own_high)) {
            auto& at = lowest[static_cast<std::size_t>(device.vertex)];
            at = std::min(at, device.high_pu());
        }
    return lowest;
}

std::vector<std::array<LoadPart, 3>> PowerFlow::load_parts() const {
    std::vector<std::array<LoadPart, 3>> parts(equations_->piece.feeder.loads.size());
    for (auto const& device : equations_->attached) {
        if (device.kind != DeviceKind::load) continue;
        double const v = std::abs(equations_->across(device));
        auto const [power, slope] = drawn_power(device, v);
        parts[static_cast<std::size_t>(device.element)][static_cast<std::size_t>(device.place)] = {
            power, slope, v * v / (device.unit * device.unit)};
    }
    return parts;
}

Outcome PowerFlow::solve_on_tree(Start start) {
    using Slope = Equations::Slope;
    auto& e = *equations_;
    Outcome outcome;
    outcome.changes.reserve(static_cast<std::size_t>(e.settings.max_iterations));
    double const began = MPI_Wtime();
    e.factorisations = 0;
    e.factor_seconds = 0.0;
    double change = 0.0;
    if (start == Start::no_load || !e.solved) {
        std::ranges::fill(e.voltage, 0.0);
        e.start_source();
        e.linearise(Slope::none);
        std::ranges::fill(e.own_current, 0.0);
        change = e.step();
    }
    e.linearise(Slope::tangent);
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
            if (!e.settings.curves.empty() && e.search_along_steps(outcome)) {
                change = outcome.change_pu;
                outcome.status = Status::converged;
                break;
            }
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
    if (outcome.status != Status::converged && !e.settings.curves.empty() && e.solve_on_curves(outcome)) {
        change = outcome.change_pu;
        outcome.status = Status::converged;
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
Positions const& PowerFlow::positions() const { return equations_->positions; }
void PowerFlow::move_to(Positions const& positions) {
    core::together(equations_->comm, [&] { equations_->move_to(positions); });
    if (sparse_) sparse_->rebuild();
}
partition::Piece const& PowerFlow::piece() const { return equations_->piece; }
Settings const& PowerFlow::settings() const { return equations_->settings; }

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
