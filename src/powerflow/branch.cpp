#include "branch.hpp"

#include <fmt/format.h>

#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <complex>
#include <numbers>
#include <optional>

#include "dec/core/error.hpp"

namespace dec::powerflow {

namespace {

using core::Index;
using feeder::Conductor;
using feeder::Connection;
using feeder::Feeder;
using feeder::Feeding;
using feeder::PerUnit;
using feeder::Phase;
using feeder::PhaseSet;
using feeder::slot;
using feeder::Transformer;
using feeder::TransformerCode;
using partition::LocalVertex;
using partition::Piece;
using Complex = std::complex<double>;

/// Between every end of a coil and ground, as a share of the unit's rating: what holds the voltages of windings that nothing
/// else ties to ground. Inductive. OpenDSS puts the same there (its ppm_antifloat, half of 1 ppm at each end).
constexpr double antifloat = 0.5e-6;

/// Where one coil begins and ends; nothing: at the neutral.
struct Coil {
    std::optional<Phase> plus, minus;
    [[nodiscard]] PhaseSet phases() const {
        PhaseSet set;
        if (plus) set.insert(*plus);
        if (minus) set.insert(*minus);
        return set;
    }
};

/// A transformer as a set of cores, one coil per winding on each.
class Unit {
  public:
    Unit(Piece const& piece, std::int32_t element, TapRatios const& taps, PerUnit const& pu)
        : id_{element}, piece_{piece}, row_{piece.feeder.transformers[id_]},
          code_{piece.feeder.transformer_codes[row_.code]}, windings_{code_, three_phase(), taps[id_.at()]}, pu_{pu} {}

    [[nodiscard]] Transformer const& row() const { return row_; }
    [[nodiscard]] TransformerCode const& code() const { return code_; }
    [[nodiscard]] bool three_phase() const { return row_.phases(0).size() == 3; }
    [[nodiscard]] std::size_t cores() const { return three_phase() ? 3 : 1; }

    /// Volts across a coil of winding w at its tap; of an autotransformer's first across both its coils.
    [[nodiscard]] double volts(std::size_t w) const { return windings_.volts(w) / lines_per_coil(w); }

    /// The coil of winding w on core k. Core k is that of phase k of winding 1, or of its pair k (AB, BC, CA).
    [[nodiscard]] Coil coil(std::size_t w, std::size_t core) const {
        auto const& c = row_.winding[w].conductors;
        if (!three_phase()) return {feeder::phase_of(c[0]), feeder::phase_of(c[1])};
        // Angles in hours of 30 degrees, lagging positive: phase k at 4k, pair k an hour before it, reversed 6 later.
        int const of_core = 4 * static_cast<int>(core) - (is_delta(0) ? 1 : 0);
        int const clock = code_.winding[w].clock - code_.winding[0].clock;
        int const at = (((of_core - clock + (is_delta(w) ? 1 : 0)) % 12) + 12) % 12;
        if (at % 2 != 0) throw_clock(w);
        bool const reversed = at % 4 != 0;
        auto const p = static_cast<Phase>((reversed ? (at + 6) % 12 : at) / 4);
        std::optional<Phase> other;
        if (is_delta(w)) other = feeder::delta_pair(p)[1];
        return reversed ? Coil{other, p} : Coil{p, other};
    }

    /// Short-circuit impedance of two windings, members of the star of three; of one core, pu on coils of one volt per volt rated.
    [[nodiscard]] Complex between() const { return windings_.between(pu_); }
    [[nodiscard]] std::array<Complex, 3> star() const { return windings_.star(pu_); }
    /// No-load losses and magnetising current of one core, pu on coils of one volt per volt rated.
    [[nodiscard]] Complex magnetising() const {
        return Complex{code_.no_load_w, -code_.no_load_var} / (static_cast<double>(cores()) * pu_.base_va);
    }
    /// What ties one end of a coil of winding w to ground, S.
    [[nodiscard]] Complex tie(std::size_t w) const {
        double const va = code_.winding[0].rated_va / static_cast<double>(cores());
        double const rated = windings_.rated_coil(w) / lines_per_coil(w);
        return {0.0, -antifloat * va / (rated * rated)};
    }
    /// The same of a terminal: that of a common winding is the end of the series winding, too.
    [[nodiscard]] Complex terminal_tie(std::size_t w) const {
        return shares_neutral() && w == 1 ? tie(0) + tie(1) : tie(w);
    }
    /// Whether the neutral of the second winding is that of the first.
    [[nodiscard]] bool shares_neutral() const { return feeder::is_autotransformer(code_); }
    /// Between the neutral of winding w and ground, ohm; infinite where there is no neutral.
    [[nodiscard]] Complex neutral_ohm(std::size_t w) const {
        auto const& winding = row_.winding[w];
        if (std::ranges::find(winding.conductors, Conductor::neutral) == winding.conductors.end())
            return 1.0 / (static_cast<double>(cores()) * tie(w));
        return {winding.ground_r_ohm, winding.ground_x_ohm};
    }
    [[nodiscard]] bool is_delta(std::size_t w) const { return code_.winding[w].connection == Connection::delta; }

  private:
    /// Voltage between lines per voltage of a coil.
    [[nodiscard]] double lines_per_coil(std::size_t w) const {
        return three_phase() && !is_delta(w) ? std::numbers::sqrt3 : 1.0;
    }
    [[noreturn]] void throw_clock(std::size_t w) const {
        auto const& f = piece_.feeder;
        throw core::InvalidInput{
            {f.heading.origin, describe("transformer", f.transformers, id_),
             fmt::format("clock {} of winding {} does not fit its connections", code_.winding[w].clock, w + 1),
             "between wye and delta the clock is odd, otherwise even"}};
    }

    Index<Transformer> id_;
    Piece const& piece_;
    Transformer const& row_;
    TransformerCode const& code_;
    feeder::Windings windings_;
    PerUnit pu_;
};

/// Puts the elements of a branch together.
class Assembly {
  public:
    Assembly(Piece const& piece, LocalVertex const& upper, LocalVertex const& lower, TapRatios const& taps,
             PerUnit const& pu)
        : piece_{piece}, taps_{taps}, parent_{upper}, vertex_{lower}, pu_{pu}, up_base_{base_voltage(piece, parent_)},
          down_base_{base_voltage(piece, vertex_)} {}

    Branch run(std::span<Feeding const> feedings) {
        for (auto const& feeding : feedings) add(feeding);
        Branch branch;
        auto const coils = static_cast<Eigen::Index>(coils_.size());
        branch.up.setZero(coils, places(parent_));
        branch.down.setZero(coils, places(vertex_));
        branch.impedance.setZero(coils, coils);
        branch.shunt_up.setZero(places(parent_), places(parent_));
        branch.shunt_down.setZero(places(vertex_), places(vertex_));
        for (Eigen::Index k = 0; k < coils; ++k) {
            branch.up.row(k) = coils_[static_cast<std::size_t>(k)].up;
            branch.down.row(k) = coils_[static_cast<std::size_t>(k)].down;
        }
        for (auto const& [row, column, z] : impedances_) branch.impedance(row, column) += z;
        for (auto const& part : parts_) {
            branch.shunt_up += part.shunt_up;
            branch.shunt_down += part.shunt_down;
        }
        branch.parts = std::move(parts_);
        return branch;
    }

  private:
    struct CoilRow {
        Eigen::RowVectorXcd up, down;
    };
    struct Entry {
        Eigen::Index row, column;
        Complex z;
    };

    static Eigen::Index places(LocalVertex const& v) { return static_cast<Eigen::Index>(v.phases.size()); }
    static Eigen::Index place(LocalVertex const& v, Phase p) { return static_cast<Eigen::Index>(v.phases.position(p)); }

    void add(Feeding const& feeding) {
        auto const& f = piece_.feeder;
        BranchPart part{.feeding = feeding, .first = static_cast<Eigen::Index>(coils_.size())};
        part.shunt_up.setZero(places(parent_), places(parent_));
        part.shunt_down.setZero(places(vertex_), places(vertex_));
        switch (feeding.kind) {
            case Feeding::Kind::source_impedance: {
                auto const& s = f.sources.rows()[0];
                add_conductors(part, PhaseSet::abc(), feeder::from_sequence(s.r_ohm, s.r0_ohm),
                               feeder::from_sequence(s.x_ohm, s.x0_ohm));
                break;
            }
            case Feeding::Kind::line: add_line(part, Index<feeder::Line>{feeding.element}); break;
            case Feeding::Kind::switch_: {
                auto const& s = f.switches[Index<feeder::Switch>{feeding.element}];
                add_conductors(part, s.closed, feeder::from_sequence(s.r_ohm, s.r0_ohm),
                               feeder::from_sequence(s.x_ohm, s.x0_ohm));
                break;
            }
            case Feeding::Kind::series_compensator: {
                auto const& c = f.series_compensators[Index<feeder::SeriesCompensator>{feeding.element}];
                add_conductors(part, c.phases, feeder::from_sequence(c.r_ohm, c.r0_ohm),
                               feeder::from_sequence(c.x_ohm, c.x0_ohm));
                break;
            }
            case Feeding::Kind::transformer: add_transformer(part); break;
            case Feeding::Kind::star_member: add_star_member(part); break;
        }
        part.count = static_cast<Eigen::Index>(coils_.size()) - part.first;
        parts_.push_back(std::move(part));
    }

    /// Conductors that run from bus to bus: coils of one turn.
    void add_conductors(BranchPart& part, PhaseSet phases, feeder::Matrix3 const& r_ohm, feeder::Matrix3 const& x_ohm) {
        auto const carried = phases & parent_.phases & vertex_.phases;
        for (Phase p : carried.list()) {
            CoilRow row{Eigen::RowVectorXcd::Zero(places(parent_)), Eigen::RowVectorXcd::Zero(places(vertex_))};
            row.up(place(parent_, p)) = up_base_ / down_base_;
            row.down(place(vertex_, p)) = 1.0;
            coils_.push_back(std::move(row));
            part.row.push_back(place(vertex_, p));
        }
        Eigen::Index k = part.first;
        for (Phase m : carried.list()) {
            Eigen::Index l = part.first;
            for (Phase n : carried.list())
                impedances_.push_back(
                    {k, l++,
                     Complex{r_ohm[slot(m)][slot(n)], x_ohm[slot(m)][slot(n)]} / pu_.impedance_base(down_base_)});
            ++k;
        }
    }

    void add_line(BranchPart& part, Index<feeder::Line> id) {
        auto const matrices = line_matrices(piece_.feeder, id);
        auto const phases = piece_.feeder.lines[id].phase_set();
        add_conductors(part, phases, matrices.r_ohm, matrices.x_ohm);
        // Half of the charging at each end.
        auto const carried = phases & parent_.phases & vertex_.phases;
        for (Phase m : carried.list())
            for (Phase n : carried.list()) {
                Complex const half{0.5 * matrices.g_s[slot(m)][slot(n)], 0.5 * matrices.b_s[slot(m)][slot(n)]};
                part.shunt_up(place(parent_, m), place(parent_, n)) += half * pu_.impedance_base(up_base_);
                part.shunt_down(place(vertex_, m), place(vertex_, n)) += half * pu_.impedance_base(down_base_);
            }
    }

    /// What a coil sees of a place, per volt of the coil; nothing if a phase is not there.
    [[nodiscard]] static std::optional<Eigen::RowVectorXcd> seen(LocalVertex const& v, Coil const& coil, double base_v,
                                                                 double volts) {
        if (!v.phases.contains(coil.phases())) return std::nullopt;
        Eigen::RowVectorXcd row = Eigen::RowVectorXcd::Zero(places(v));
        if (coil.plus) row(place(v, *coil.plus)) += base_v / volts;
        if (coil.minus) row(place(v, *coil.minus)) -= base_v / volts;
        return row;
    }
    /// Coils that end at one neutral, by their rows within a part, and what they see of its voltage, per volt.
    using NeutralEnds = std::vector<std::pair<Eigen::Index, double>>;
    static void add_end(NeutralEnds& ends, Eigen::Index row, Coil const& coil, double volts, bool at_parent) {
        if (reaches_neutral(coil)) ends.emplace_back(row, (coil.plus.has_value() == at_parent ? -1.0 : 1.0) / volts);
    }

    /// What hangs on a coil beside its impedance: ties of its ends to ground, and at the second winding, as in OpenDSS, the
    /// core. \param ends at the winding's neutral, where that may be off the ground: the core's is added.
    void add_coil_shunts(BranchPart& part, bool at_parent, Unit const& unit, std::size_t w, Coil const& coil,
                         NeutralEnds* ends) {
        auto const& v = at_parent ? parent_ : vertex_;
        double const base_v = at_parent ? up_base_ : down_base_;
        auto& shunt = at_parent ? part.shunt_up : part.shunt_down;
        for (auto const& end : {coil.plus, coil.minus})
            if (end && v.phases.contains(*end))
                shunt(place(v, *end), place(v, *end)) += unit.terminal_tie(w) * pu_.impedance_base(base_v);
        constexpr std::size_t seat = 1;
        if (w != seat || unit.magnetising() == Complex{}) return;
        auto const row = seen(v, coil, base_v, unit.volts(w));
        if (!row) return;
        if (ends == nullptr || !reaches_neutral(coil) || unit.neutral_ohm(w) == Complex{}) {
            shunt += unit.magnetising() * row->transpose() * *row;
            return;
        }
        auto const k = static_cast<Eigen::Index>(coils_.size());
        CoilRow core{Eigen::RowVectorXcd::Zero(places(parent_)), Eigen::RowVectorXcd::Zero(places(vertex_))};
        (at_parent ? core.up : core.down) = *row;
        coils_.push_back(std::move(core));
        impedances_.push_back({k, k, 1.0 / unit.magnetising()});
        part.row.push_back(part.row.back());
        add_end(*ends, k - part.first, coil, unit.volts(w), at_parent);
    }
    /// What the neutral of winding w adds to a coil, pu.
    [[nodiscard]] Complex neutral_impedance(Unit const& unit, std::size_t w) const {
        return unit.neutral_ohm(w) * pu_.base_va / (unit.volts(w) * unit.volts(w));
    }
    /// The neutral's impedance shifts all coils that end there.
    void add_neutral(BranchPart const& part, Complex ohm, NeutralEnds const& ends) {
        if (ohm == Complex{}) return;
        for (auto const& [k, a] : ends)
            for (auto const& [l, b] : ends)
                impedances_.push_back({part.first + k, part.first + l, ohm * pu_.base_va * a * b});
    }
    [[nodiscard]] static bool reaches_neutral(Coil const& coil) {
        return coil.plus.has_value() != coil.minus.has_value();
    }

    void add_transformer(BranchPart& part) {
        Unit const unit{piece_, part.feeding.element, taps_, pu_};
        if (vertex_.phases.has_legs()) return add_centre_tapped(part, unit);
        std::size_t const up = part.feeding.upstream == 0 ? 0 : 1;
        add_two_windings(part, unit, up, 1 - up);
    }

    void add_two_windings(BranchPart& part, Unit const& unit, std::size_t up, std::size_t down) {
        NeutralEnds above, below;
        auto& of_up = unit.shares_neutral() ? below : above;
        for (std::size_t core = 0; core < unit.cores(); ++core) {
            auto const a = unit.coil(up, core);
            auto const b = unit.coil(down, core);
            auto row_up = seen(parent_, a, up_base_, unit.volts(up));
            auto row_down = seen(vertex_, b, down_base_, unit.volts(down));
            if (!row_up || !row_down) continue;
            auto const k = static_cast<Eigen::Index>(coils_.size());
            coils_.push_back({std::move(*row_up), std::move(*row_down)});
            part.row.push_back(place(vertex_, b.plus ? *b.plus : *b.minus));
            impedances_.push_back({k, k, unit.between()});
            add_end(of_up, k - part.first, a, unit.volts(up), true);
            add_end(below, k - part.first, b, unit.volts(down), false);
            add_coil_shunts(part, true, unit, up, a, &of_up);
            add_coil_shunts(part, false, unit, down, b, &below);
        }
        add_neutral(part, unit.neutral_ohm(up), above);
        add_neutral(part, unit.neutral_ohm(unit.shares_neutral() ? 1 : down), below);
    }

    /// One half of a centre-tapped winding.
    struct Half {
        Coil coil;
        double volts;
        Complex impedance;
    };
    /// A service transformer with secondary legs: two half windings, coupled through what they share of the impedance.
    void add_centre_tapped(BranchPart& part, Unit const& unit) {
        bool const three_windings = unit.code().windings == 3;
        std::size_t const up = three_windings || part.feeding.upstream == 0 ? 0 : 1;
        std::size_t const down = 1 - up;
        auto const whole = unit.coil(down, 0);
        if (!three_windings && !(whole.plus && whole.minus)) return add_two_windings(part, unit, up, down);
        auto const primary = unit.coil(up, 0);
        auto const row_up = seen(parent_, primary, up_base_, unit.volts(up));
        if (!row_up) return;
        add_coil_shunts(part, true, unit, up, primary, nullptr);
        // The neutral of the primary carries what both halves draw; that of the secondary is the legs' return.
        Complex const ground = reaches_neutral(primary) ? neutral_impedance(unit, up) : Complex{};
        if (three_windings) {
            auto const star = unit.star();
            add_halves(part, *row_up, star[0] + ground,
                       {Half{unit.coil(1, 0), unit.volts(1), star[1]}, Half{unit.coil(2, 0), unit.volts(2), star[2]}});
            for (std::size_t w : {1U, 2U}) add_coil_shunts(part, false, unit, w, unit.coil(w, 0), nullptr);
            return;
        }
        // Only the impedance to the full winding is known: split as Kersting's standard interlaced design does.
        Complex const full = unit.between();
        Complex const own{full.real(), 0.4 * full.imag()};
        double const half = 0.5 * unit.volts(down);
        add_halves(part, *row_up, Complex{0.5 * full.real(), 0.8 * full.imag()} + ground,
                   {Half{{whole.plus, {}}, half, own}, Half{{{}, whole.minus}, half, own}});
        add_coil_shunts(part, false, unit, down, whole, nullptr);
    }
    void add_halves(BranchPart& part, Eigen::RowVectorXcd const& row_up, Complex shared,
                    std::array<Half, 2> const& halves) {
        for (auto const& [coil, volts, impedance] : halves) {
            auto row_down = seen(vertex_, coil, down_base_, volts);
            if (!row_down) continue;
            auto const k = static_cast<Eigen::Index>(coils_.size());
            coils_.push_back({row_up, std::move(*row_down)});
            part.row.push_back(place(vertex_, coil.plus ? *coil.plus : *coil.minus));
            impedances_.push_back({k, k, impedance});
        }
        auto const end = static_cast<Eigen::Index>(coils_.size());
        for (auto k = part.first; k < end; ++k)
            for (auto l = part.first; l < end; ++l) impedances_.push_back({k, l, shared});
    }

    /// One winding of three between its bus and the star point, at which stand the voltages per volt of the cores.
    void add_star_member(BranchPart& part) {
        Unit const unit{piece_, part.feeding.element, taps_, pu_};
        std::size_t const w = part.feeding.winding;
        bool const towards_star = part.feeding.upstream == 0;
        auto const& star = towards_star ? vertex_ : parent_;
        auto const& bus = towards_star ? parent_ : vertex_;
        double const base = towards_star ? up_base_ : down_base_;
        auto const member = unit.star()[w];
        NeutralEnds neutral;
        for (std::size_t core = 0; core < unit.cores(); ++core) {
            auto const at = unit.three_phase() ? static_cast<Phase>(core) : *star.phases.list().begin();
            auto const coil = unit.coil(w, core);
            auto row = seen(bus, coil, base, unit.volts(w));
            if (!row || !star.phases.contains(at)) continue;
            Eigen::RowVectorXcd of_star = Eigen::RowVectorXcd::Zero(places(star));
            of_star(place(star, at)) = 1.0;
            auto const k = static_cast<Eigen::Index>(coils_.size());
            part.row.push_back(towards_star ? place(star, at) : place(bus, coil.plus ? *coil.plus : *coil.minus));
            if (towards_star) coils_.push_back({std::move(*row), std::move(of_star)});
            else coils_.push_back({std::move(of_star), std::move(*row)});
            impedances_.push_back({k, k, member});
            add_end(neutral, k - part.first, coil, unit.volts(w), towards_star);
            add_coil_shunts(part, towards_star, unit, w, coil, &neutral);
        }
        add_neutral(part, unit.neutral_ohm(w), neutral);
    }

    Piece const& piece_;
    TapRatios const& taps_;
    LocalVertex const& parent_;
    LocalVertex const& vertex_;
    PerUnit pu_;
    double up_base_, down_base_;
    std::vector<CoilRow> coils_;
    std::vector<Entry> impedances_;
    std::vector<BranchPart> parts_;
};

}  // namespace

double base_voltage(Piece const& piece, LocalVertex const& vertex) {
    if (vertex.bus.valid()) return piece.feeder.buses[vertex.bus].base_v;
    if (vertex.kind == feeder::Vertex::Kind::star_point) return 1.0;
    return piece.feeder.buses[piece.feeder.sources.rows()[0].bus].base_v;
}

Eigen::MatrixXcd basis(LocalVertex const& vertex) {
    auto const n = static_cast<Eigen::Index>(vertex.phases.size());
    Eigen::MatrixXcd m = Eigen::MatrixXcd::Identity(n, n);
    if (has_differences(vertex)) m.col(n - 1).setOnes();
    return m;
}

Branch in_coordinates(Branch branch, LocalVertex const& parent, LocalVertex const& vertex) {
    if (has_differences(parent)) {
        auto const m = basis(parent);
        branch.up = branch.up * m;
        branch.shunt_up = m.transpose() * branch.shunt_up * m;
    }
    if (has_differences(vertex)) {
        auto const m = basis(vertex);
        branch.down = branch.down * m;
        branch.shunt_down = m.transpose() * branch.shunt_down * m;
    }
    return branch;
}

std::optional<Branch> in_series(Branch const& branch) {
    if (branch.down.rows() != branch.down.cols()) return std::nullopt;
    Eigen::FullPivLU<Eigen::MatrixXcd> const lu{branch.down};
    if (!lu.isInvertible()) return std::nullopt;
    return Branch{.up = lu.solve(branch.up),
                  .down = Eigen::MatrixXcd::Identity(branch.down.rows(), branch.down.cols()),
                  .impedance = lu.solve(lu.solve(branch.impedance.transpose()).transpose()),
                  .shunt_up = branch.shunt_up,
                  .shunt_down = branch.shunt_down,
                  .parts = {}};
}

Eigen::VectorXcd coil_currents(Branch const& branch, Eigen::VectorXcd const& arriving, Eigen::VectorXcd const& up,
                               Eigen::VectorXcd const& down) {
    auto const coils = branch.down.rows(), places = branch.down.cols();
    Eigen::VectorXcd right(places + coils);
    Eigen::MatrixXcd system(places + coils, coils);
    system << branch.down.transpose(), branch.impedance;
    right << arriving, branch.up * up - branch.down * down;
    return system.colPivHouseholderQr().solve(right);
}

Branch make_branch(Piece const& piece, LocalVertex const& upper, LocalVertex const& lower,
                   std::span<Feeding const> feedings, TapRatios const& taps, PerUnit const& pu) {
    return Assembly{piece, upper, lower, taps, pu}.run(feedings);
}

namespace {

std::span<Feeding const> feedings_of(Piece const& piece, auto const& branch) {
    return std::span{piece.feedings}.subspan(static_cast<std::size_t>(branch.first_feeding),
                                             static_cast<std::size_t>(branch.feedings));
}

}  // namespace

Branch make_branch(Piece const& piece, LocalVertex const& vertex, TapRatios const& taps, PerUnit const& pu) {
    return make_branch(piece, piece.vertices[static_cast<std::size_t>(vertex.parent)], vertex,
                       feedings_of(piece, vertex), taps, pu);
}

Branch make_branch(Piece const& piece, partition::Tie const& tie, TapRatios const& taps, PerUnit const& pu) {
    return make_branch(piece, piece.vertices[static_cast<std::size_t>(tie.from)],
                       piece.vertices[static_cast<std::size_t>(tie.to)], feedings_of(piece, tie), taps, pu);
}

}  // namespace dec::powerflow
