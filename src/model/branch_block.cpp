#include "dec/model/branch_block.hpp"

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

namespace dec::model {

namespace {

using feeder::Conductor;
using feeder::Feeder;
using feeder::Feeding;
using feeder::PerUnit;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;
using feeder::Transformer;
using partition::LocalVertex;
using partition::Piece;
using Complex = std::complex<double>;

Eigen::Index place(Phase p) { return static_cast<Eigen::Index>(slot(p)); }

PhaseSet coil_phases(Transformer const& unit, std::size_t w) { return unit.phases(w); }
bool has_neutral(Transformer const& unit, std::size_t w) {
    auto const& c = unit.winding[w].conductors;
    return std::find(c.begin(), c.end(), Conductor::neutral) != c.end();
}
/// A coil across two phases of the primary.
bool between_phases(Transformer const& unit, std::size_t w) {
    return !has_neutral(unit, w) && coil_phases(unit, w).size() == 2 && !coil_phases(unit, w).has_legs();
}

/// One branch before it is merged with its neighbours.
struct Part {
    BranchBlock block;
    PhaseSet phases;  ///< downstream phases it feeds
};

void pass_through(BranchBlock& block, PhaseSet phases, double ratio) {
    for (Phase p : phases.list()) {
        block.ratio(place(p), place(p)) = ratio;
        block.lift(place(p), place(p)) = 1.0;
        block.lift(place(p) + 3, place(p) + 3) = 1.0;
    }
}

void set_drop(BranchBlock& block, Complex3 const& z, bool legs) {
    block.impedance = z;
    block.drop = legs ? drop_of_legs(z) : drop_of_phases(z);
}

double squared(double x) { return x * x; }

feeder::Windings windings_of(Feeder const& feeder, core::Index<Transformer> id) {
    auto const& unit = feeder.transformers[id];
    return {feeder.transformer_codes[unit.code], coil_phases(unit, 0).size() == 3, taps_of(feeder, id)};
}

/// Turns and rated volts of a winding, against the base of its seat: the coil between two phases sees sqrt 3 times the base.
class Ratios {
  public:
    Ratios(Piece const& piece, std::int32_t element)
        : piece_{piece}, unit_{piece.feeder.transformers[core::Index<Transformer>{element}]},
          windings_{windings_of(piece.feeder, core::Index<Transformer>{element})} {}
    [[nodiscard]] double operator()(std::size_t w) const {
        double coil_base = piece_.feeder.buses[unit_.winding[w].bus].base_v;
        auto const phases = coil_phases(unit_, w);
        if (phases.size() == 3 || between_phases(unit_, w)) coil_base *= std::numbers::sqrt3;
        if (phases.size() == 2 && phases.has_legs()) coil_base *= 2.0;
        return windings_.volts(w) / coil_base;
    }
    [[nodiscard]] feeder::Windings const& windings() const { return windings_; }

  private:
    Piece const& piece_;
    Transformer const& unit_;
    feeder::Windings windings_;
};

/// What lies between the neutral of a winding and ground, in pu of its bus: it carries the current of all the winding's
/// phases, whose voltages it shifts alike.
Complex3 grounding(Piece const& piece, Transformer const& unit, std::size_t w, PerUnit const& pu) {
    Complex3 z = Complex3::Zero();
    bool const delta = piece.feeder.transformer_codes[unit.code].winding[w].connection == feeder::Connection::delta;
    if (delta || !has_neutral(unit, w)) return z;
    auto const& winding = unit.winding[w];
    double const base = pu.impedance_base(piece.feeder.buses[winding.bus].base_v);
    for (Phase m : coil_phases(unit, w).list())
        for (Phase n : coil_phases(unit, w).list())
            z(place(m), place(n)) = Complex{winding.ground_r_ohm, winding.ground_x_ohm} / base;
    return z;
}

/// Phase whose voltage, or the opposite of it, stands at an even number of hours of 30 degrees, lagging positive.
int phase_at(int hours) { return hours % 4 == 0 ? hours / 4 : ((hours + 6) % 12) / 4; }

/// Downstream phases of a three-phase unit against upstream ones: clock hours between the two windings decide which
/// phase, or which two phases, each is wound against.
void three_phase_map(BranchBlock& block, double ratio, int hours_lagging, bool to_delta) {
    int const hours = ((hours_lagging % 12) + 12) % 12;
    for (int k = 0; k < 3; ++k) {
        // Angles in hours of 30 degrees, lagging positive: phase A 0, B 4, C 8; reversed phases 6 later.
        int const angle = (hours + 4 * k) % 12;
        if (angle % 2 == 0) {
            int const upstream = phase_at(angle);
            block.ratio(k, upstream) = ratio;
            block.lift(upstream, k) = 1.0;
            block.lift(upstream + 3, k + 3) = 1.0;
            continue;
        }
        // V_m - V_n stands at the mean angle of V_m and -V_n: AC at 1 hour, BC at 3, BA at 5, CA at 7, CB at 9, AB at 11.
        static constexpr std::array<std::array<Phase, 2>, 6> difference{{{Phase::a, Phase::c},
                                                                         {Phase::b, Phase::c},
                                                                         {Phase::b, Phase::a},
                                                                         {Phase::c, Phase::a},
                                                                         {Phase::c, Phase::b},
                                                                         {Phase::a, Phase::b}}};
        auto const [m, n] = difference[static_cast<std::size_t>(angle / 2)];
        block.ratio.row(k) = ratio * pair_voltage(m, n);
        auto const power = pair_power(m, n);
        block.lift.col(k) = power.col(0);
        block.lift.col(k + 3) = power.col(1);
    }
    if (!to_delta || hours % 2 == 0) return;
    // A delta coil is wound against one phase, and pair k stands one hour before phase k: line to line it is exact.
    Matrix3 pairs = Matrix3::Zero();
    for (int k = 0; k < 3; ++k) pairs(k, phase_at((hours + 4 * k + 11) % 12)) = ratio;
    block.ratio = line_to_line().inverse() * pairs;
}

Part line_part(Feeder const& feeder, Feeding const& feeding, double ratio, double base_v, PerUnit const& pu) {
    Part part;
    core::Index<feeder::Line> const id{feeding.element};
    part.phases = feeder.lines[id].phase_set();
    pass_through(part.block, part.phases, ratio);
    auto const matrices = line_matrices(feeder, id);
    Complex3 z;
    for (int m = 0; m < 3; ++m)
        for (int n = 0; n < 3; ++n) {
            auto const i = static_cast<std::size_t>(m);
            auto const k = static_cast<std::size_t>(n);
            z(m, n) = Complex{matrices.r_ohm[i][k], matrices.x_ohm[i][k]} / pu.impedance_base(base_v);
        }
    set_drop(part.block, z, part.phases.has_legs());
    return part;
}

/// Branches given by sequence values: source impedance, series compensators.
Part sequence_part(PhaseSet phases, double ratio, Complex positive, Complex zero) {
    Part part;
    part.phases = phases;
    pass_through(part.block, phases, ratio);
    Complex3 z = Complex3::Zero();
    for (Phase m : phases.list())
        for (Phase n : phases.list())
            z(place(m), place(n)) = m == n ? (zero + 2.0 * positive) / 3.0 : (zero - positive) / 3.0;
    set_drop(part.block, z, false);
    return part;
}

/// Rows of the upstream voltage a single coil sees, and where its power is drawn.
void seat_upstream(BranchBlock& block, Transformer const& unit, std::size_t up, Eigen::Index row, double ratio) {
    auto const phases = coil_phases(unit, up);
    if (between_phases(unit, up)) {
        auto const m = *phases.list().begin();
        auto const n = *(phases.list().begin() + 1);
        block.ratio.row(row) = ratio * pair_voltage(m, n);
        auto const power = pair_power(m, n);
        block.lift.col(row) = power.col(0);
        block.lift.col(row + 3) = power.col(1);
        return;
    }
    auto const m = place(*phases.list().begin());
    block.ratio(row, m) = ratio;
    block.lift(m, row) = 1.0;
    block.lift(m + 3, row + 3) = 1.0;
}

/// A service transformer with secondary legs, oriented in phase with the primary. Shared part z0 in the primary, z1 and z2
/// in the half windings; docs/equations.md#split-phase.
Part split_phase_part(Piece const& piece, Feeding const& feeding, PerUnit const& pu) {
    auto const& feeder = piece.feeder;
    auto const& unit = feeder.transformers[core::Index<Transformer>{feeding.element}];
    Ratios const ratio{piece, feeding.element};
    std::size_t const up = feeding.upstream;
    Part part;
    Complex shared;
    std::array<Complex, 2> own{};
    std::array<double, 2> leg_ratio{};
    if (feeder.transformer_codes[unit.code].windings == 3) {
        auto const star = ratio.windings().star(pu);
        shared = star[0];
        for (std::size_t w = 1; w < 3; ++w)
            for (Phase leg : coil_phases(unit, w).list()) {
                part.phases.insert(leg);
                own[slot(leg)] = star[w];
                leg_ratio[slot(leg)] = ratio(w);
            }
    } else {
        part.phases = coil_phases(unit, 1 - up);
        Complex const full = ratio.windings().between(pu);
        // Only the impedance to the full winding is known: split as Kersting's standard interlaced design does. One leg alone
        // has what its test says.
        bool const both = part.phases.size() == 2;
        shared = both ? Complex{0.5 * full.real(), 0.8 * full.imag()} : Complex{};
        own.fill(both ? Complex{full.real(), 0.4 * full.imag()} : full);
        leg_ratio.fill(ratio(1 - up));
    }
    // The neutral of the primary carries what both halves draw; that of the secondary is the legs' return.
    auto const of_primary = place(*coil_phases(unit, up).list().begin());
    shared += grounding(piece, unit, up, pu)(of_primary, of_primary) / squared(ratio(up));
    Complex3 z = Complex3::Zero();
    for (Phase m : part.phases.list()) {
        seat_upstream(part.block, unit, up, place(m), squared(leg_ratio[slot(m)] / ratio(up)));
        for (Phase n : part.phases.list()) {
            Complex const oriented = shared + (m == n ? own[slot(m)] : Complex{});
            // Stored with physical polarity, as a triplex line is.
            z(place(m), place(n)) = (m == n ? 1.0 : -1.0) * oriented * leg_ratio[slot(m)] * leg_ratio[slot(n)];
        }
    }
    set_drop(part.block, z, true);
    return part;
}

Part two_winding_part(Piece const& piece, Feeding const& feeding, PerUnit const& pu) {
    auto const& feeder = piece.feeder;
    auto const& unit = feeder.transformers[core::Index<Transformer>{feeding.element}];
    auto const& code = feeder.transformer_codes[unit.code];
    std::size_t const up = feeding.upstream == 0 ? 0 : 1;
    std::size_t const down = 1 - up;
    Ratios const a{piece, feeding.element};
    double const tau_sq = squared(a(down) / a(up));
    Complex const z = a.windings().between(pu) * squared(a(down));

    Part part;
    part.phases = coil_phases(unit, down);
    Complex3 matrix = Complex3::Zero();
    if (part.phases.size() == 3) {
        three_phase_map(part.block, tau_sq, code.winding[down].clock - code.winding[up].clock,
                        code.winding[down].connection == feeder::Connection::delta);
        matrix.diagonal().setConstant(z);
    } else {
        bool const pair_to_pair = between_phases(unit, down) && coil_phases(unit, up) == part.phases;
        if (pair_to_pair) pass_through(part.block, part.phases, tau_sq);
        for (Phase p : part.phases.list()) {
            if (!pair_to_pair) seat_upstream(part.block, unit, up, place(p), tau_sq);
            // Half of a coil's impedance in each of its two lines; across a pair an ohm is a third of a phase's per unit.
            matrix(place(p), place(p)) = part.phases.size() == 2 ? 1.5 * z : z;
        }
    }
    // The neutral that both windings of an autotransformer share carries what the common one does.
    if (is_autotransformer(code))
        matrix += squared(1.0 - a.windings().volts(down) / a.windings().volts(up)) * grounding(piece, unit, down, pu);
    else matrix += grounding(piece, unit, down, pu) + tau_sq * grounding(piece, unit, up, pu);
    set_drop(part.block, matrix, false);
    return part;
}

/// One member of a three-winding star. The star point lives on the rated voltage of the winding towards the source.
Part star_part(Piece const& piece, LocalVertex const& vertex, Feeding const& feeding, PerUnit const& pu) {
    auto const& feeder = piece.feeder;
    core::Index<Transformer> const id{feeding.element};
    auto const& unit = feeder.transformers[id];
    auto const& code = feeder.transformer_codes[unit.code];
    Ratios const a{piece, feeding.element};
    auto const z = a.windings().star(pu)[feeding.winding];
    Part part;
    part.phases = coil_phases(unit, feeding.winding) & PhaseSet::abc();
    bool const towards_star = feeding.upstream == 0;
    if (towards_star) {
        part.phases = vertex.phases;
        pass_through(part.block, vertex.phases, 1.0 / squared(a(feeding.winding)));
        Complex3 matrix = Complex3::Zero();
        for (Phase p : vertex.phases.list()) matrix(place(p), place(p)) = z;
        set_drop(part.block, matrix + grounding(piece, unit, feeding.winding, pu) / squared(a(feeding.winding)), false);
        return part;
    }
    double const ratio = squared(a(feeding.winding));
    if (part.phases.size() == 3)
        three_phase_map(part.block, ratio,
                        code.winding[feeding.winding].clock - code.winding[feeding.fed_winding].clock,
                        code.winding[feeding.winding].connection == feeder::Connection::delta);
    else pass_through(part.block, part.phases, ratio);
    Complex3 matrix = Complex3::Zero();
    for (Phase p : part.phases.list()) matrix(place(p), place(p)) = z * ratio;
    set_drop(part.block, matrix + grounding(piece, unit, feeding.winding, pu), false);
    return part;
}

/// Two single-phase regulators between phases, x-b and y-b. Where nothing holds the neutral, the third line-to-line voltage
/// follows from the two: with u the squared line-to-line voltages, u_xy' = a1(a1 - a2) u_xb + a2(a2 - a1) u_yb + a1 a2 u_xy,
/// exactly. Where a jumper holds b at its voltage to ground, V_x' = a V_x + (1 - a) V_b.
/// Their impedance lies in the lines x and y. A jumper on b may stand beside them.
Part open_delta_part(Piece const& piece, std::vector<Feeding> const& tanks, std::vector<Part> const& beside,
                     bool floating, PerUnit const& pu) {
    auto const& feeder = piece.feeder;
    auto const unit = [&](std::size_t i) -> Transformer const& {
        return feeder.transformers[core::Index<Transformer>{tanks[i].element}];
    };
    auto const pair = [&](std::size_t i) { return coil_phases(unit(i), 0); };
    Phase const b = *(pair(0) & pair(1)).list().begin();
    std::array<Phase, 2> const outer{*(pair(0) - PhaseSet{b}).list().begin(), *(pair(1) - PhaseSet{b}).list().begin()};

    Part part;
    part.phases = PhaseSet::abc();
    std::array<double, 2> a{};
    Complex3 z = Complex3::Zero();
    for (std::size_t i = 0; i < 2; ++i) {
        std::size_t const up = tanks[i].upstream == 0 ? 0 : 1;
        Ratios const ratio{piece, tanks[i].element};
        a[i] = ratio(1 - up) / ratio(up);
        // Across a coil between phases an ohm is a third of a per unit of the phase.
        z(place(outer[i]), place(outer[i])) = 3.0 * ratio.windings().between(pu) * squared(ratio(1 - up));
    }
    pass_through(part.block, PhaseSet::abc(), 1.0);
    for (auto const& jumper : beside) z += jumper.block.impedance;
    set_drop(part.block, z, false);
    if (!floating) {
        for (std::size_t i = 0; i < 2; ++i) {
            double const turned =
                -0.5 * a[i] * (1.0 - a[i]);  // 2 Re(V_x conj V_b) = -|V_x| |V_b|, about -(v_x + v_b)/2
            part.block.ratio(place(outer[i]), place(outer[i])) = squared(a[i]) + turned;
            part.block.ratio(place(outer[i]), place(b)) = squared(1.0 - a[i]) + turned;
        }
        return part;
    }
    auto const row_of = [](Phase m, Phase n) {
        for (Phase p : PhaseSet::abc().list())
            if (auto const [x, y] = feeder::delta_pair(p); (x == m && y == n) || (x == n && y == m)) return place(p);
        return Eigen::Index{0};
    };
    auto const xb = row_of(outer[0], b);
    auto const yb = row_of(outer[1], b);
    auto const xy = row_of(outer[0], outer[1]);
    Matrix3 u = Matrix3::Zero();
    u(xb, xb) = squared(a[0]);
    u(yb, yb) = squared(a[1]);
    u(xy, xb) = a[0] * (a[0] - a[1]);
    u(xy, yb) = a[1] * (a[1] - a[0]);
    u(xy, xy) = a[0] * a[1];
    Matrix3 const h = line_to_line();
    part.block.ratio = h.inverse() * u * h;
    return part;
}

/// Two units across the same two phases are parallel, no open delta.
bool same_pair(Piece const& piece, std::vector<Feeding> const& tanks) {
    auto const pair = [&](Feeding const& feeding) {
        return coil_phases(piece.feeder.transformers[core::Index<Transformer>{feeding.element}], 0);
    };
    return pair(tanks[0]) == pair(tanks[1]);
}

Part make_part(Piece const& piece, LocalVertex const& vertex, Feeding const& feeding, double line_ratio, double base_v,
               PerUnit const& pu) {
    auto const& feeder = piece.feeder;
    switch (feeding.kind) {
        case Feeding::Kind::source_impedance: {
            auto const& s = feeder.sources.rows()[0];
            double const base = pu.impedance_base(base_v);
            return sequence_part(PhaseSet::abc(), 1.0, Complex{s.r_ohm, s.x_ohm} / base,
                                 Complex{s.r0_ohm, s.x0_ohm} / base);
        }
        case Feeding::Kind::line: return line_part(feeder, feeding, line_ratio, base_v, pu);
        case Feeding::Kind::switch_: {
            auto const& s = feeder.switches[core::Index<feeder::Switch>{feeding.element}];
            double const base = pu.impedance_base(base_v);
            return sequence_part(s.closed, line_ratio, Complex{s.r_ohm, s.x_ohm} / base,
                                 Complex{s.r0_ohm, s.x0_ohm} / base);
        }
        case Feeding::Kind::series_compensator: {
            auto const& c = feeder.series_compensators[core::Index<feeder::SeriesCompensator>{feeding.element}];
            double const base = pu.impedance_base(base_v);
            return sequence_part(c.phases, line_ratio, Complex{c.r_ohm, c.x_ohm} / base,
                                 Complex{c.r0_ohm, c.x0_ohm} / base);
        }
        case Feeding::Kind::star_member: return star_part(piece, vertex, feeding, pu);
        case Feeding::Kind::transformer: break;
    }
    if (vertex.phases.has_legs()) return split_phase_part(piece, feeding, pu);
    return two_winding_part(piece, feeding, pu);
}

/// Two units in parallel meet where the currents through their impedances make them: with V = V1 - Z1 i1 = V2 - Z2 i2 and
/// i = i1 + i2, V = (1 - K) V1 + K V2 - K Z2 i, K = Z1 (Z1 + Z2)^+. The pseudo-inverse (Anderson and Duffin's parallel sum)
/// leaves absent phases alone.
void join_parallel(Part& first, Part const& second) {
    Complex3 const sum = first.block.impedance + second.block.impedance;
    Complex3 const k = first.block.impedance * sum.completeOrthogonalDecomposition().pseudoInverse();
    Matrix3 const to_second = k.real();
    first.block.ratio = (Matrix3::Identity() - to_second) * first.block.ratio + to_second * second.block.ratio;
    Complex3 const z = k * second.block.impedance;
    set_drop(first.block, z, first.phases.has_legs());
}

/// Joins units on the same phases; what is left sits on phases of its own.
std::vector<Part> with_parallel_joined(std::vector<Part> const& parts) {
    std::vector<Part> joined;
    for (auto const& part : parts) {
        auto const same = std::ranges::find(joined, part.phases, &Part::phases);
        if (same == joined.end()) joined.push_back(part);
        else join_parallel(*same, part);
    }
    return joined;
}

void add(BranchBlock& sum, Part const& part) {
    sum.ratio += part.block.ratio;
    sum.drop += part.block.drop;
    sum.lift += part.block.lift;
    sum.impedance += part.block.impedance;
}

/// Drops what a branch would carry on phases that are not energised here.
void keep_only(BranchBlock& block, PhaseSet phases) {
    for (Eigen::Index k = 0; k < 3; ++k) {
        bool kept = false;
        for (Phase p : phases.list()) kept = kept || place(p) == k;
        if (kept) continue;
        block.ratio.row(k).setZero();
        block.drop.row(k).setZero();
        block.drop.col(k).setZero();
        block.drop.col(k + 3).setZero();
        block.lift.col(k).setZero();
        block.lift.col(k + 3).setZero();
        block.impedance.row(k).setZero();
        block.impedance.col(k).setZero();
    }
}

}  // namespace

Matrix36 drop_line_to_line(Matrix36 const& pairs, PhaseSet phases) {
    if (phases.size() == 3) return line_to_line().inverse() * pairs;
    Matrix36 drop = Matrix36::Zero();
    for (Phase p : PhaseSet::abc().list())
        if (auto const [m, n] = feeder::delta_pair(p); phases.contains(m) && phases.contains(n))
            drop.row(place(m)) = drop.row(place(n)) = pairs.row(place(p));
    return drop;
}

double base_voltage(Piece const& piece, LocalVertex const& vertex) {
    if (vertex.bus.valid()) return piece.feeder.buses[vertex.bus].base_v;
    if (vertex.kind == feeder::Vertex::Kind::star_point)
        return piece.feeder.buses[piece.feeder.transformers[vertex.transformer].winding[0].bus].base_v;
    return piece.feeder.buses[piece.feeder.sources.rows()[0].bus].base_v;
}

BranchBlock branch_block(Piece const& piece, LocalVertex const& vertex, PerUnit const& pu) {
    auto const& parent = piece.vertices[static_cast<std::size_t>(vertex.parent)];
    double const base_v = base_voltage(piece, vertex);
    double const line_ratio = squared(base_voltage(piece, parent) / base_v);

    std::vector<Feeding> open_delta;
    std::vector<Part> parts;
    for (std::int32_t f = 0; f < vertex.feedings; ++f) {
        auto const& feeding = piece.feedings[static_cast<std::size_t>(vertex.first_feeding + f)];
        bool const tank = feeding.kind == Feeding::Kind::transformer && !vertex.phases.has_legs() &&
                          between_phases(piece.feeder.transformers[core::Index<Transformer>{feeding.element}], 0) &&
                          between_phases(piece.feeder.transformers[core::Index<Transformer>{feeding.element}], 1);
        if (tank) open_delta.push_back(feeding);
        else parts.push_back(make_part(piece, vertex, feeding, line_ratio, base_v, pu));
    }
    if (open_delta.size() == 2 && !same_pair(piece, open_delta)) {
        parts = {open_delta_part(piece, open_delta, parts, vertex.floating_delta, pu)};
    } else {
        for (auto const& feeding : open_delta)
            parts.push_back(make_part(piece, vertex, feeding, line_ratio, base_v, pu));
    }

    BranchBlock block;
    for (auto const& part : with_parallel_joined(parts)) add(block, part);
    keep_only(block, vertex.phases);
    // Behind a floating delta only line-to-line voltages mean something: the drop that makes those right.
    if (vertex.floating_delta && vertex.phases.size() > 1)
        block.drop = drop_line_to_line(drop_of_pairs(block.impedance), vertex.phases);
    return block;
}

}  // namespace dec::model
