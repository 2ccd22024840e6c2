/// \file dss_lines.cpp
/// Lines and line codes. OpenDSS keeps matrices and sequence values side by side, and which of them hold depends on the
/// order in which they were given; the same is done here.
#include <fmt/format.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "dss_context.hpp"

namespace dec::io::dss {

using feeder::LineCode;
using feeder::slot;

namespace {

using Complex = std::complex<double>;

/// Impedance (ohm) and capacitance (F) of a unit of length, as sequence values and as matrices.
struct Impedance {
    int phases = 3;
    double r1 = 0.0580, x1 = 0.1206, r0 = 0.1784, x0 = 0.4047, c1 = 3.4e-9,
           c0 = 1.6e-9;  // of OpenDSS: 1000 ft of a line
    bool by_sequence = true;
    Eigen::MatrixXcd z;
    Eigen::MatrixXd c;

    void from_sequence() {
        auto const fill = [this](auto positive, auto zero) {
            using Value = decltype(positive);
            Eigen::Matrix<Value, Eigen::Dynamic, Eigen::Dynamic> m(phases, phases);
            m.setConstant((zero - positive) / 3.0);
            m.diagonal().setConstant((zero + 2.0 * positive) / 3.0);
            return m;
        };
        z = fill(Complex{r1, x1}, Complex{r0, x0});
        c = fill(c1, c0);
    }
    /// \return true if the setting is one of the sequence values.
    bool take_sequence(Said const& said, double omega) {
        constexpr double nano = 1e-9, micro = 1e-6;
        if (said.is("r1")) r1 = said.number();
        else if (said.is("x1")) x1 = said.number();
        else if (said.is("r0")) r0 = said.number();
        else if (said.is("x0")) x0 = said.number();
        else if (said.is("c1")) c1 = said.number() * nano;
        else if (said.is("c0")) c0 = said.number() * nano;
        else if (said.is("b1")) c1 = said.number() * micro / omega;
        else if (said.is("b0")) c0 = said.number() * micro / omega;
        else return false;
        return true;
    }
    bool take_matrix(Said const& said) {
        if (said.is("rmatrix")) z.real() = said.matrix(phases);
        else if (said.is("xmatrix")) z.imag() = said.matrix(phases);
        else if (said.is("cmatrix")) c = said.matrix(phases) * 1e-9;
        else return false;
        return true;
    }
};

struct Rated {
    double normal_a = 400.0, emergency_a = 600.0;
    bool take(Said const& said) {
        if (said.is("normamps")) normal_a = said.number();
        else if (said.is("emergamps")) emergency_a = said.number();
        else return false;
        return true;
    }
    [[nodiscard]] feeder::Rating rating() const {
        return {normal_a > 0.0 ? normal_a : feeder::unknown, emergency_a > 0.0 ? emergency_a : feeder::unknown};
    }
};

struct Code {
    Impedance of;
    Rated rated;
    std::optional<double> metres;  ///< of its unit of length
};

/// Kron's reduction of one conductor, as linecode does it on "kron=yes".
void eliminate(Impedance& of, int neutral) {
    if (of.by_sequence || neutral < 1 || neutral > of.phases || of.phases == 1) return;
    auto const keep = [&](auto const& m) {
        std::decay_t<decltype(m)> kept(of.phases - 1, of.phases - 1);
        for (int i = 0; i < of.phases - 1; ++i)
            for (int k = 0; k < of.phases - 1; ++k) kept(i, k) = m(i + (i >= neutral - 1), k + (k >= neutral - 1));
        return kept;
    };
    int const n = neutral - 1;
    of.z = keep((of.z - of.z.col(n) * of.z.row(n) / of.z(n, n)).eval());
    of.c = keep(of.c);  // the eliminated conductor is grounded
    --of.phases;
}

Code read_code(Context& context, Object const& object) {
    Code code;
    double const omega = 2.0 * std::numbers::pi * context.circuit.options.frequency_hz;
    code.of.from_sequence();
    int neutral = 3;
    context.replay(object, [&](Said const& said) {
        if (said.is("nphases")) {
            code.of.phases = std::clamp(said.integer(), 1, 12);
            code.of.by_sequence = true;
            neutral = code.of.phases;
            code.of.from_sequence();
        } else if (code.of.take_sequence(said, omega)) {
            if (!said.is("c0")) code.of.by_sequence = true;
        } else if (code.of.take_matrix(said)) {
            code.of.by_sequence = false;
        } else if (said.is("units")) {
            code.metres = metres_of(said.text());
        } else if (said.is("neutral")) {
            neutral = said.integer();
        } else if (said.is("kron") && said.flag()) {
            eliminate(code.of, neutral);
        } else {
            code.rated.take(said);
        }
        if (said.ends_edit() && code.of.by_sequence) code.of.from_sequence();
    });
    return code;
}

/// What was said of a line.
struct Drawn {
    Impedance of;
    Rated rated;
    bool sequence_is_new = false;  ///< sequence values win over matrices that were given after them
    bool has_capacitance = false;
    double length = 1.0;
    std::optional<double> metres, code_metres;
    std::optional<double> length_metres;  ///< of the unit that was said last, even where OpenDSS has forgotten it
    double convert = 1.0;                 ///< lengths of the line's unit in one of its impedance's
    Object const* code = nullptr;
    Object const* geometry = nullptr;
    Object const* spacing = nullptr;
    std::vector<Object const*> conductors;
    double resistivity = 100.0;
    EarthModel earth = EarthModel::deri;
    bool is_switch = false;
    std::string_view bus1, bus2;
};

double conversion(std::optional<double> from, std::optional<double> to) { return from && to ? *from / *to : 1.0; }

class LineReader {
  public:
    explicit LineReader(Context& context) : context_{context} {
        for (auto const& object : context.circuit.objects(Class::line_code))
            codes_.emplace(object.name, read_code(context, object));
        find_switches();
    }

    void read(Object const& object) {
        context_.begin(object);
        auto drawn = draw(object);
        auto const n = static_cast<std::size_t>(drawn.of.phases);
        if (drawn.bus1.empty() || drawn.bus2.empty())
            return context_.finding(object, "has no bus at one of its ends", "give bus1 and bus2");
        auto const from = parse_bus(drawn.bus1, n, n), to = parse_bus(drawn.bus2, n, n);
        auto const guard = guards_.find(object.name);
        bool const open = object.is_open() || (guard != guards_.end() && guard->second.open);
        if (drawn.is_switch || open) return add_switch(object, drawn, from, to, open);
        add_line(object, drawn, from, to);
    }

  private:
    struct Guard {
        feeder::Switch::Kind kind;
        double rated_a = feeder::unknown;
        bool open = false;
    };

    /// Fuses, reclosers, relays and switch controls say what a line with "switch=yes" is.
    void find_switches() {
        for (auto const& [kind, type] : {std::pair{Class::swt_control, feeder::Switch::Kind::load_break_switch},
                                         {Class::relay, feeder::Switch::Kind::breaker},
                                         {Class::recloser, feeder::Switch::Kind::recloser},
                                         {Class::fuse, feeder::Switch::Kind::fuse}})
            for (auto const& object : context_.circuit.objects(kind)) {
                if (!object.enabled) continue;
                Guard guard{type};
                std::string_view monitored, switched;
                context_.replay(object, [&](Said const& said) {
                    if (said.is("monitoredobj")) monitored = said.text();
                    if (said.is("switchedobj")) switched = said.text();
                    if (said.is("ratedcurrent")) guard.rated_a = said.number();
                    if (said.is("state") || said.is("action") || said.is("normal"))
                        guard.open = starts_with(said.text(), "o") || starts_with(said.text(), "t");
                });
                auto const target = switched.empty() ? monitored : switched;
                if (starts_with(target, "line.")) guards_.insert_or_assign(lower_case(target.substr(5)), guard);
            }
    }

    // ---- what holds in the end

    Drawn draw(Object const& object) {
        Drawn drawn;
        drawn.earth = object.earth;
        drawn.of.from_sequence();
        context_.replay(object, [&](Said const& said) { take(object, drawn, said); });
        if (!drawn.sequence_is_new) return drawn;
        if (!drawn.has_capacitance) {  // OpenDSS: its default is that of 1000 ft
            drawn.of.c1 /= conversion(304.8, drawn.metres);
            drawn.of.c0 /= conversion(304.8, drawn.metres);
        }
        recalculate(drawn);
        return drawn;
    }

    /// A line of one phase has no zero sequence of its own; OpenDSS forgets it for good then.
    static void recalculate(Drawn& drawn) {
        if (drawn.of.phases == 1) {
            drawn.of.r0 = drawn.of.r1;
            drawn.of.x0 = drawn.of.x1;
            drawn.of.c0 = drawn.of.c1;
        }
        drawn.of.from_sequence();
        drawn.sequence_is_new = false;
    }

    static void forget_sources(Drawn& drawn, bool units) {
        drawn.code = drawn.geometry = drawn.spacing = nullptr;
        if (!units) return;
        drawn.metres.reset();
        drawn.convert = 1.0;
    }

    void take(Object const& object, Drawn& drawn, Said const& said) {
        double const omega = 2.0 * std::numbers::pi * context_.circuit.options.frequency_hz;
        if (said.is("bus1")) drawn.bus1 = said.text();
        else if (said.is("bus2")) drawn.bus2 = said.text();
        else if (said.is("linecode")) take_code(drawn, said);
        else if (said.is("length")) drawn.length = said.number();
        else if (said.is("phases")) set_phases(drawn, said);
        else if (drawn.of.take_sequence(said, omega)) {
            if (said.is("c1") || said.is("c0") || said.is("b1") || said.is("b0")) drawn.has_capacitance = true;
            forget_sources(drawn, true);
            drawn.sequence_is_new = drawn.of.by_sequence = true;
        } else if (drawn.of.take_matrix(said)) {
            if (said.is("cmatrix")) drawn.has_capacitance = true;
            forget_sources(drawn, true);
            drawn.of.by_sequence = false;
            if (drawn.sequence_is_new && drawn.is_switch)
                context_.assume("line matrices", object, "given after switch=yes: OpenDSS keeps the sequence values");
        } else if (said.is("switch")) {
            if (said.flag()) make_switch(drawn);
        } else if (said.is("units")) {
            auto const metres = metres_of(said.text());
            drawn.convert = drawn.code != nullptr ? conversion(drawn.code_metres, metres)
                                                  : drawn.convert * conversion(drawn.metres, metres);
            drawn.metres = drawn.length_metres = metres;
        } else if (said.is("geometry")) {
            if (auto const* found = context_.reference(said, Class::line_geometry)) {
                forget_sources(drawn, false);
                drawn.geometry = found;
                drawn.sequence_is_new = drawn.of.by_sequence = false;
                context_.replay(*found, [&](Said const& of_geometry) {
                    if (of_geometry.is("nphases")) drawn.of.phases = std::clamp(of_geometry.integer(), 1, 12);
                });
            }
        } else if (said.is("spacing")) {
            if (auto const* found = context_.reference(said, Class::line_spacing)) {
                forget_sources(drawn, false);
                drawn.spacing = found;
                drawn.sequence_is_new = drawn.of.by_sequence = false;
                auto const [conductors, phases] = size_of_spacing(context_, *found);
                drawn.conductors.assign(conductors, nullptr);
                drawn.of.phases = static_cast<int>(phases);
            }
        } else if (said.is("wires") || said.is("cncables") || said.is("tscables")) {
            auto const kind = said.is("wires")      ? Class::wire_data
                              : said.is("cncables") ? Class::cn_data
                                                    : Class::ts_data;
            bool const has_cables = !drawn.conductors.empty() && drawn.conductors.front() != nullptr;
            auto const first = kind == Class::wire_data && has_cables ? static_cast<std::size_t>(drawn.of.phases) : 0;
            read_conductors(context_, said, kind, first, drawn.conductors);
        } else if (said.is("rho")) {
            drawn.resistivity = said.number();
        } else if (said.is("earthmodel")) {
            drawn.earth = starts_with(said.text(), "f")   ? EarthModel::carson
                          : starts_with(said.text(), "d") ? EarthModel::deri
                                                          : EarthModel::modified_carson;
        } else {
            drawn.rated.take(said);
        }
    }

    void take_code(Drawn& drawn, Said const& said) {
        auto const* const object = context_.reference(said, Class::line_code);
        if (object == nullptr) return;
        auto const& code = codes_.at(object->name);
        forget_sources(drawn, false);
        drawn.code = object;
        drawn.code_metres = code.metres;
        drawn.convert = conversion(code.metres, drawn.metres);
        drawn.rated = code.rated;
        if (code.of.by_sequence) {
            drawn.of = code.of;
            recalculate(drawn);
        } else {
            drawn.of.phases = code.of.phases;
            drawn.of.z = code.of.z;
            drawn.of.c = code.of.c;
            drawn.of.by_sequence = false;
        }
    }

    static void set_phases(Drawn& drawn, Said const& said) {
        int const phases = said.integer();
        if (phases == drawn.of.phases) return;
        if (phases < 1 || phases > 12)
            return said.finding(fmt::format("has {} phases", phases), "give it one to three");
        if (drawn.geometry != nullptr || drawn.spacing != nullptr || !drawn.of.by_sequence)
            return said.finding(fmt::format("is given {} phases where its impedance has {}", phases, drawn.of.phases),
                                "give the phases before the matrices, or those of its line code");
        drawn.of.phases = phases;
        recalculate(drawn);
    }

    static void make_switch(Drawn& drawn) {
        drawn.is_switch = true;
        forget_sources(drawn, true);
        drawn.of.r1 = drawn.of.x1 = drawn.of.r0 = drawn.of.x0 = 1.0;
        drawn.of.c1 = 1.1e-9;
        drawn.of.c0 = 1.0e-9;
        drawn.length = 0.001;
        drawn.length_metres.reset();
        drawn.sequence_is_new = drawn.of.by_sequence = true;
    }

    // ---- conductors

    /// Conductors that are left, and the impedance of the whole line between them.
    struct Reduced {
        std::vector<Phase> phases;
        Eigen::MatrixXcd z;  ///< ohm
        Eigen::MatrixXd c;   ///< F
        bool is_reduced = false;
    };

    /// Neutral conductors are grounded, conductors from one node to one node are in parallel.
    std::optional<Reduced> reduce(Object const& object, BusSpec const& from, BusSpec const& to,
                                  Eigen::MatrixXcd const& z, Eigen::MatrixXd const& c) {
        Reduced result;
        std::vector<int> live, neutral;
        std::vector<Phase> of_conductor;
        for (int i = 0; i < z.rows(); ++i) {
            auto const k = static_cast<std::size_t>(i);
            auto const a = context_.phase(from.name, from.nodes[k]), b = context_.phase(to.name, to.nodes[k]);
            if (a != b) {
                context_.finding(object, fmt::format("runs from node {} to node {}", from.nodes[k], to.nodes[k]),
                                 "connect each of its conductors to the same phase at both ends");
                return std::nullopt;
            }
            if (!a) {
                neutral.push_back(i);
                if (from.nodes[k] > 3)
                    context_.assume("neutral conductor", object,
                                    "at a node of its own: taken as grounded at both ends");
                continue;
            }
            live.push_back(i);
            of_conductor.push_back(*a);
            if (std::ranges::find(result.phases, *a) == result.phases.end()) result.phases.push_back(*a);
        }
        if (live.empty()) {
            context_.finding(object, "has no conductor on a phase", "connect it to nodes 1, 2 or 3");
            return std::nullopt;
        }
        result.is_reduced = live.size() < static_cast<std::size_t>(z.rows()) || result.phases.size() < live.size();
        if (!result.is_reduced) {
            result.z = z;
            result.c = c;
            return result;
        }
        Eigen::MatrixXcd inside = z(live, live);
        if (!neutral.empty()) inside -= z(live, neutral) * z(neutral, neutral).inverse() * z(neutral, live);
        Eigen::MatrixXd joins = Eigen::MatrixXd::Zero(static_cast<Eigen::Index>(live.size()),
                                                      static_cast<Eigen::Index>(result.phases.size()));
        for (std::size_t i = 0; i < live.size(); ++i)
            joins(static_cast<Eigen::Index>(i),
                  std::ranges::find(result.phases, of_conductor[i]) - result.phases.begin()) = 1.0;
        result.z = (joins.transpose() * inside.inverse() * joins).inverse();
        result.c = joins.transpose() * c(live, live) * joins;
        if (result.phases.size() < live.size())
            context_.assume("parallel conductors", object, "several run between the same nodes: they are joined");
        return result;
    }

    // ---- rows

    void add_switch(Object const& object, Drawn const& drawn, BusSpec const& from, BusSpec const& to, bool open) {
        double const factor = drawn.length / drawn.convert;
        auto const n = drawn.of.phases;
        // Of a line that is opened the impedance matters only when it is closed again.
        auto const z = drawn.of.z.rows() == n ? (drawn.of.z * factor).eval() : Eigen::MatrixXcd::Zero(n, n).eval();
        auto const reduced = reduce(object, from, to, z, Eigen::MatrixXd::Zero(n, n));
        if (!reduced) return;
        feeder::Switch row;
        row.kind = feeder::Switch::Kind::load_break_switch;
        row.from = context_.bus(from.name);
        row.to = context_.bus(to.name);
        for (Phase p : reduced->phases) row.phases.insert(p);
        auto const& matrix = reduced->z;
        auto const size = static_cast<double>(matrix.rows());
        Complex const self = matrix.trace() / size;
        Complex const mutual = size > 1.0 ? (matrix.sum() - matrix.trace()) / (size * (size - 1.0)) : Complex{};
        row.r_ohm = (self - mutual).real();
        row.x_ohm = (self - mutual).imag();
        row.r0_ohm = (self + 2.0 * mutual).real();
        row.x0_ohm = (self + 2.0 * mutual).imag();
        row.rated_a = drawn.rated.normal_a;
        if (auto const guard = guards_.find(object.name); guard != guards_.end()) {
            row.kind = guard->second.kind;
            if (std::isfinite(guard->second.rated_a)) row.rated_a = guard->second.rated_a;
        }
        row.closed = row.phases;
        if (open) row.closed = closed_phases(object, from);
        row.normally_open = row.closed.empty();
        row.rating = drawn.rated.rating();
        note(object, feeder::ElementKind::switch_,
             context_.feeder.switches.add(row, object.name, context_.mrid(object)).value(), {row.from, row.to});
    }

    PhaseSet closed_phases(Object const& object, BusSpec const& from) {
        PhaseSet closed;
        for (std::size_t i = 0; i < from.nodes.size(); ++i)
            if (auto const p = context_.phase(from.name, from.nodes[i]);
                p && i < object.open.size() && object.open[i] == 0)
                closed.insert(*p);
        return closed;
    }

    void add_line(Object const& object, Drawn& drawn, BusSpec const& from, BusSpec const& to) {
        auto const unit = drawn.length_metres ? drawn.length_metres : drawn.code_metres;
        double const length_m = drawn.length * unit.value_or(1.0);
        if (!unit)
            context_.assume("line.length", object, "no units: taken as metres, which the impedances do not depend on");
        if (!(length_m > 0.0))
            return context_.finding(object, fmt::format("has a length of {}", drawn.length), "give it a positive one");
        feeder::Line row;
        row.from = context_.bus(from.name);
        row.to = context_.bus(to.name);
        row.length_m = length_m;

        std::optional<Constants> constants;
        if (drawn.geometry != nullptr)
            constants = constants_of_geometry(context_, object, *drawn.geometry, drawn.earth, drawn.resistivity);
        else if (drawn.spacing != nullptr)
            constants = constants_of_spacing(context_, object, *drawn.spacing, drawn.conductors, drawn.earth,
                                             drawn.resistivity);
        if ((drawn.geometry != nullptr || drawn.spacing != nullptr) && !constants) return;
        double const omega = 2.0 * std::numbers::pi * context_.circuit.options.frequency_hz;
        double const factor = drawn.length / drawn.convert;
        auto z = drawn.of.z;
        auto c = drawn.of.c;
        if (constants) {
            auto const n = static_cast<Eigen::Index>(constants->phases);
            z.resize(n, n);
            c.resize(n, n);
            for (Eigen::Index i = 0; i < n; ++i)
                for (Eigen::Index k = 0; k < n; ++k) {
                    auto const a = static_cast<std::size_t>(i), b = static_cast<std::size_t>(k);
                    z(i, k) = {constants->code.r_ohm[a][b] * length_m, constants->code.x_ohm[a][b] * length_m};
                    c(i, k) = constants->code.b_s[a][b] * length_m / omega;
                }
        } else {
            z *= factor;
            c *= factor;
        }
        auto const reduced = reduce(object, from, to, z, c);
        if (!reduced) return;
        if (reduced->phases.size() > 3)
            return context_.finding(object, "has more than three phases", "a line here has one to three");
        row.conductors = static_cast<std::uint8_t>(reduced->phases.size());
        std::ranges::copy(reduced->phases, row.phases.begin());
        row.rating = drawn.rated.rating();
        row.code = code_of(object, drawn, *reduced, constants, length_m, omega);
        note(object, feeder::ElementKind::line,
             context_.feeder.lines.add(row, object.name, context_.mrid(object)).value(), {row.from, row.to});
    }

    /// Lines of one line code, or of one geometry, share a code; others have one of their own.
    Index<LineCode> code_of(Object const& object, Drawn const& drawn, Reduced const& reduced,
                            std::optional<Constants> const& constants, double length_m, double omega) {
        std::string name = object.name;
        bool shared = false;
        if (!reduced.is_reduced && drawn.code != nullptr) {
            auto const& code = codes_.at(drawn.code->name);
            shared = code.of.phases == drawn.of.phases;
            // The unit is the line's where the code has none.
            name = code.metres ? drawn.code->name
                               : fmt::format("{} per {} m", drawn.code->name, drawn.metres.value_or(1.0));
        } else if (!reduced.is_reduced && drawn.geometry != nullptr) {
            shared = true;
            name = fmt::format("{}{}", drawn.geometry->name, suffix(drawn));
        }
        if (!shared) name = object.name;
        auto const key = fmt::format("{} {}", shared, name);
        auto const [place, is_new] = shared_.try_emplace(key);
        if (!is_new) return place->second;
        LineCode code;
        code.conductors = static_cast<std::uint8_t>(reduced.phases.size());
        bool const sequence = shared && drawn.of.by_sequence && reduced.phases.size() == 3;
        code.form = sequence ? LineCode::Form::sequence : LineCode::Form::matrix;
        for (std::size_t i = 0; i < reduced.phases.size(); ++i)
            for (std::size_t k = 0; k < reduced.phases.size(); ++k) {
                auto const a = static_cast<Eigen::Index>(i), b = static_cast<Eigen::Index>(k);
                code.r_ohm[i][k] = reduced.z(a, b).real() / length_m;
                code.x_ohm[i][k] = reduced.z(a, b).imag() / length_m;
                code.b_s[i][k] = reduced.c(a, b) * omega / length_m;
            }
        if (constants && shared) code = constants->code;
        place->second = context_.feeder.line_codes.add(code, name, context_.mrid(fmt::format("code {}", key)));
        return place->second;
    }
    static std::string suffix(Drawn const& drawn) {
        std::string_view const model = drawn.earth == EarthModel::deri     ? ""
                                       : drawn.earth == EarthModel::carson ? " full carson"
                                                                           : " carson";
        return drawn.resistivity == 100.0 ? std::string{model} : fmt::format("{} {}", model, drawn.resistivity);
    }

    void note(Object const& object, feeder::ElementKind kind, std::int32_t row,
              std::array<Index<feeder::Bus>, 3> buses) {
        context_.elements[describe(object)] = {kind, row, buses};
    }

    Context& context_;
    std::unordered_map<std::string, Code> codes_;
    std::unordered_map<std::string, Guard> guards_;
    std::unordered_map<std::string, Index<LineCode>> shared_;
};

}  // namespace

void read_lines(Context& context) {
    LineReader reader{context};
    for (auto const& object : context.circuit.objects(Class::line))
        if (object.enabled) reader.read(object);
}

}  // namespace dec::io::dss
