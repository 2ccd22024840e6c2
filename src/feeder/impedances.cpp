/// Checks of everything that has an impedance.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <vector>

#include "checks.hpp"
#include "dec/feeder/windings.hpp"

namespace dec::feeder {

namespace {

/// Tolerance of rounded data, relative to the largest entry.
constexpr double symmetry_tolerance = 1e-6;
constexpr double passivity_tolerance = 1e-6;

double largest(Matrix3 const& m, std::size_t n) {
    double value = 0.0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k) value = std::max(value, std::abs(m[i][k]));
    return value;
}

bool finite(Matrix3 const& m, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < n; ++k)
            if (!std::isfinite(m[i][k])) return false;
    return true;
}

/// Smallest pivot of a symmetric elimination (Cholesky without roots): negative if the matrix is not positive
/// semidefinite. `shift` is added to the diagonal.
double smallest_pivot(Matrix3 m, std::size_t n, double shift) {
    double smallest = HUGE_VAL;
    for (std::size_t i = 0; i < n; ++i) {
        double const pivot = m[i][i] + shift;
        smallest = std::min(smallest, pivot);
        if (pivot <= 0.0) return smallest;
        for (std::size_t r = i + 1; r < n; ++r)
            for (std::size_t c = i + 1; c < n; ++c) m[r][c] -= m[r][i] * m[i][c] / pivot;
    }
    return smallest;
}

/// What is wrong with a line's matrices, or nothing.
std::string matrix_problem(LineCode const& code) {
    std::size_t const n = code.conductors;
    if (n == 0 || n > 3) return fmt::format("has {} conductors, 1 to 3 are possible", n);
    for (auto const* m : {&code.r_ohm, &code.x_ohm, &code.b_s, &code.g_s})
        if (!finite(*m, n)) return "an entry of its matrix is not a number";
    double const size = std::max(largest(code.r_ohm, n), largest(code.x_ohm, n));
    if (size == 0.0) return "its impedance is all zero";
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t k = 0; k < i; ++k) {
            if (std::abs(code.r_ohm[i][k] - code.r_ohm[k][i]) > symmetry_tolerance * size)
                return fmt::format("r[{0}][{1}] = {2} and r[{1}][{0}] = {3} ohm differ", i + 1, k + 1, code.r_ohm[i][k],
                                   code.r_ohm[k][i]);
            if (std::abs(code.x_ohm[i][k] - code.x_ohm[k][i]) > symmetry_tolerance * size)
                return fmt::format("x[{0}][{1}] = {2} and x[{1}][{0}] = {3} ohm differ", i + 1, k + 1, code.x_ohm[i][k],
                                   code.x_ohm[k][i]);
        }
    for (std::size_t i = 0; i < n; ++i)
        if (code.r_ohm[i][i] < 0.0) return fmt::format("r[{0}][{0}] = {1} ohm is negative", i + 1, code.r_ohm[i][i]);
    if (smallest_pivot(code.r_ohm, n, passivity_tolerance * size) <= 0.0)
        return "its resistance matrix is not positive semidefinite: the line would generate power";
    return {};
}

void check_lines(Feeder const& feeder, Findings& findings) {
    std::vector<std::int32_t> users(feeder.line_codes.size(), 0);
    std::vector<Index<Line>> example(feeder.line_codes.size());
    for (auto id : feeder.lines.ids()) {
        auto const& line = feeder.lines[id];
        auto const element = [&] { return describe("line", feeder.lines, id); };
        if (!line.code.valid()) {
            findings.add(element(), "has no impedance", "refer to a line code, or give r, x, r0, x0");
            continue;
        }
        auto const& code = feeder.line_codes[line.code];
        if (code.form != LineCode::Form::whole_line && !(line.length_m > 0.0 && std::isfinite(line.length_m)))
            findings.add(element(), fmt::format("length {} m", line.length_m), "must be positive");
        // Sequence values hold for any number of phases: a part of the matrix serves.
        bool const fits = code.form == LineCode::Form::matrix
                              ? code.conductors == line.conductors
                              : line.conductors >= 1 && code.conductors >= line.conductors;
        if (!fits)
            findings.add(element(),
                         fmt::format("has {} phases ({}) but its line code {} has {} conductors", line.conductors,
                                     to_text(line.phase_set()), feeder.line_codes.name(line.code), code.conductors),
                         "use a code of the same size");
        if (line.phase_set().has_legs() && line.phase_set().has_primary())
            findings.add(element(), fmt::format("phases {} mix primary and secondary", to_text(line.phase_set())),
                         "a line is either on A, B, C or on s1, s2");
        if (line.phase_set().size() != line.conductors)
            findings.add(element(), fmt::format("names a phase twice in {}", to_text(line.phase_set())),
                         "give every conductor its own phase");
        if (users[line.code.at()]++ == 0) example[line.code.at()] = id;
    }
    for (auto id : feeder.line_codes.ids()) {
        if (users[id.at()] == 0) continue;
        auto const problem = matrix_problem(feeder.line_codes[id]);
        if (problem.empty()) continue;
        auto const line = describe("line", feeder.lines, example[id.at()]);
        auto const element =
            feeder.line_codes[id].form == LineCode::Form::whole_line
                ? line
                : fmt::format("line code {} (of {}{})", feeder.line_codes.name(id), line,
                              users[id.at()] > 1 ? fmt::format(" and {} more", users[id.at()] - 1) : "");
        findings.add(
            element, problem,
            "a line's series impedance is symmetric, passive and not zero; use a switch for an ideal connection");
    }
}

void check_series_compensators(Feeder const& feeder, Findings& findings) {
    for (auto id : feeder.series_compensators.ids()) {
        auto const& c = feeder.series_compensators[id];
        auto const element = describe("series compensator", feeder.series_compensators, id);
        double const size = std::abs(c.r_ohm) + std::abs(c.x_ohm) + std::abs(c.r0_ohm) + std::abs(c.x0_ohm);
        if (!std::isfinite(size)) findings.add(element, "its impedance is not a number", "give r, x, r0, x0 in ohm");
        else if (size == 0.0)
            findings.add(element, "its impedance is all zero", "use a switch for an ideal connection");
        else if (c.r_ohm < 0.0 || c.r0_ohm < 0.0)
            findings.add(element, "its resistance is negative", "r and r0 must be at least zero");
    }
}

template <class Describe>
void check_transformer_code(Feeder const& feeder, Index<TransformerCode> id, Describe const& element,
                            Findings& findings) {
    auto const& code = feeder.transformer_codes[id];
    if (code.windings < 2 || code.windings > 3) {
        findings.add(element(), fmt::format("has {} windings", code.windings), "two or three are possible");
        return;
    }
    for (std::size_t w = 0; w < code.windings; ++w) {
        auto const& winding = code.winding[w];
        if (!(winding.rated_v > 0.0) || !std::isfinite(winding.rated_v))
            findings.add(element(), fmt::format("rated voltage of winding {} is {} V", w + 1, winding.rated_v),
                         "must be positive");
        if (!(winding.rated_va > 0.0) || !std::isfinite(winding.rated_va))
            findings.add(element(), fmt::format("rating of winding {} is {} VA", w + 1, winding.rated_va),
                         "must be positive");
    }
    std::size_t const tests = code.windings == 2 ? 1 : 3;
    for (std::size_t k = 0; k < tests; ++k) {
        auto const& test = code.short_circuit[k];
        if (!std::isfinite(test.r_ohm) || !std::isfinite(test.x_ohm))
            findings.add(element(),
                         fmt::format("short-circuit impedance {}-{} is not a number", test.from + 1, test.to + 1),
                         "give a test or a mesh impedance for every pair of windings");
        // Coil by coil, as OpenDSS has them, those of an autotransformer are positive, and need not be between its terminals.
        else if (test.r_ohm < 0.0 && !is_autotransformer(code))
            findings.add(
                element(),
                fmt::format("short-circuit resistance {}-{} is {} ohm", test.from + 1, test.to + 1, test.r_ohm),
                "must be at least zero");
    }
}

/// A type may be shared by regulators, which may be ideal, and others, which may not.
template <class Describe>
void check_ideal(Feeder const& feeder, Transformer const& unit, Describe const& element, Findings& findings) {
    auto const& code = feeder.transformer_codes[unit.code];
    std::size_t const tests = code.windings == 2 ? 1 : 3;
    for (std::size_t k = 0; k < tests; ++k) {
        auto const& test = code.short_circuit[k];
        if (test.r_ohm == 0.0 && test.x_ohm == 0.0)
            findings.add(element(), fmt::format("short-circuit impedance {}-{} is zero", test.from + 1, test.to + 1),
                         "only a regulator may be ideal");
    }
}

/// With three windings the neutral that two of them share would shift voltages on both sides of the star.
template <class Describe>
void check_shared_neutral(Feeder const& feeder, Transformer const& unit, Describe const& element, Findings& findings) {
    auto const& code = feeder.transformer_codes[unit.code];
    if (!is_autotransformer(code)) return;
    auto const& common = unit.winding[1];
    bool const solid = std::ranges::find(common.conductors, Conductor::neutral) != common.conductors.end() &&
                       common.ground_r_ohm == 0.0 && common.ground_x_ohm == 0.0;
    if (code.windings == 3 && !solid)
        findings.add(element(), "is an autotransformer of three windings whose neutral is off the ground",
                     "ground it without an impedance, or leave out the third winding");
    if (!(code.winding[0].rated_v != code.winding[1].rated_v))
        findings.add(element(), "is an autotransformer whose series winding has no voltage",
                     "give its windings different rated voltages");
}

constexpr std::array in_order{Conductor::a, Conductor::b, Conductor::c};

/// Clocks are those of windings in the order A, B, C; the same turn of all windings is no turn.
template <class Describe>
void check_order(Feeder const& feeder, Transformer const& unit, Describe const& element, Findings& findings) {
    auto const turn_of = [&](std::size_t w) -> std::optional<std::size_t> {
        auto const& c = unit.winding[w].conductors;
        for (std::size_t turn = 0; turn < 3; ++turn)
            if (c[0] == in_order[turn] && c[1] == in_order[(turn + 1) % 3] && c[2] == in_order[(turn + 2) % 3])
                return turn;
        return std::nullopt;
    };
    auto const windings = std::min<std::size_t>(feeder.transformer_codes[unit.code].windings, unit.winding.size());
    for (std::size_t w = 0; w < windings; ++w) {
        if (unit.phases(w) != PhaseSet::abc()) return;
        if (turn_of(w) && turn_of(w) == turn_of(0)) continue;
        findings.add(element(), fmt::format("winding {} has its phases in another order than A, B, C", w + 1),
                     "name the phases of all windings in that order, and say by the clock how they are turned");
        return;
    }
}

void check_transformers(Feeder const& feeder, Findings& findings) {
    std::vector<bool> regulated(feeder.transformers.size(), false);
    for (auto id : feeder.tap_changers.ids()) {
        auto const& tap = feeder.tap_changers[id];
        auto const element = describe("tap changer", feeder.tap_changers, id);
        if (!tap.transformer.valid()) {
            findings.add(element, "belongs to no transformer", "connect it to a transformer end");
            continue;
        }
        regulated[tap.transformer.at()] = true;
        if (!std::isfinite(tap.ratio()) || tap.ratio() <= 0.0)
            findings.add(element, fmt::format("step {} gives a ratio of {}", tap.step, tap.ratio()),
                         "must be positive");
    }
    std::vector<bool> checked(feeder.transformer_codes.size(), false);
    for (auto id : feeder.transformers.ids()) {
        auto const& unit = feeder.transformers[id];
        auto const element = [&] { return describe("transformer", feeder.transformers, id); };
        if (!unit.code.valid()) {
            findings.add(element(), "has no ratings and impedances", "give its ends, or the type of its tank");
            continue;
        }
        if (!checked[unit.code.at()]) check_transformer_code(feeder, unit.code, element, findings);
        checked[unit.code.at()] = true;
        if (!regulated[id.at()]) check_ideal(feeder, unit, element, findings);
        check_order(feeder, unit, element, findings);
        check_shared_neutral(feeder, unit, element, findings);
        for (std::size_t w = 0;
             w < std::min<std::size_t>(feeder.transformer_codes[unit.code].windings, unit.winding.size()); ++w)
            if (unit.phases(w).empty())
                findings.add(element(), fmt::format("winding {} is on no phase", w + 1), "give the end its phases");
    }
}

}  // namespace

void check_impedances(Feeder const& feeder, Findings& findings) {
    check_lines(feeder, findings);
    check_series_compensators(feeder, findings);
    check_transformers(feeder, findings);
    for (auto id : feeder.switches.ids())
        if (feeder.switches[id].phases.empty())
            findings.add(describe("switch", feeder.switches, id), "is on no phase", "give it at least one");
}

}  // namespace dec::feeder
