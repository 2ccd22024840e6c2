/// \file dss_context.hpp
/// What the families of elements share while a circuit becomes a feeder: values as the settings have them, buses with their
/// phases, and the account of what was found.
#pragma once

#include <Eigen/Core>
#include <array>
#include <complex>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dec/feeder/feeder.hpp"
#include "dec/io/catalogue.hpp"
#include "dss_circuit.hpp"

namespace dec::io::dss {

using core::Index;
using feeder::Phase;
using feeder::PhaseSet;

class Context;
struct DrawnTransformer;

/// One setting of an object while it is played back.
class Said {
  public:
    Said(Context& context, Object const& object, Setting const& setting)
        : context_{context}, object_{object}, setting_{setting}, name_{properties(object.kind)[setting.property].name} {
    }
    [[nodiscard]] bool is(std::string_view name) const { return name_ == name; }
    [[nodiscard]] std::string_view name() const { return name_; }
    [[nodiscard]] bool ends_edit() const { return setting_.ends_edit; }
    [[nodiscard]] std::string_view text() const { return setting_.value.text; }
    [[nodiscard]] Place place() const { return setting_.place; }
    // What does not parse is a finding and counts as zero, or as nothing.
    [[nodiscard]] double number() const;
    [[nodiscard]] int integer() const;
    [[nodiscard]] bool flag() const { return truth(setting_.value.text); }
    [[nodiscard]] bool is_delta() const;
    /// Inline, "file=name" or "|" between rows, which are taken one after the other.
    [[nodiscard]] std::vector<double> numbers() const;
    /// Full or lower triangle of a symmetric matrix, rows ended by "|".
    [[nodiscard]] Eigen::MatrixXd matrix(int order) const;
    [[nodiscard]] std::vector<std::string_view> texts() const;
    void finding(std::string problem, std::string remedy) const;

  private:
    [[nodiscard]] std::optional<double> value_of(Value value) const;
    Context& context_;
    Object const& object_;
    Setting const& setting_;
    std::string_view name_;
};

/// "name.1.2.3" with the nodes that it leaves out: 1 to the number of phases, then ground.
struct BusSpec {
    std::string name;  ///< lower case
    std::vector<int> nodes;
};
[[nodiscard]] BusSpec parse_bus(std::string_view text, std::size_t conductors, std::size_t phases);

/// A part of a load or a source of power: on a phase, or between the two that a letter stands for.
struct Seats {
    feeder::Connection connection = feeder::Connection::wye;
    PhaseSet phases;
    std::array<double, 3> share{};  ///< of the whole, per place
};

class Context {
  public:
    explicit Context(Circuit& read);

    Circuit& circuit;
    feeder::Feeder feeder;
    Calculator calculator;

    /// Where objects went, for controls that refer to them.
    struct Element {
        feeder::ElementKind kind = feeder::ElementKind::none;
        std::int32_t row = -1;
        std::array<Index<feeder::Bus>, 3> buses{};
    };
    std::unordered_map<std::string, Element> elements;                                      ///< by "class.name"
    std::unordered_map<std::string, std::shared_ptr<DrawnTransformer const>> transformers;  ///< what was said of each

    /// The object that becomes a row now: buses it is the first to name are put down to it.
    void begin(Object const& object) { begun_ = &object; }
    void replay(Object const& object, std::function<void(Said const&)> const& play);
    void finding(Object const& object, std::string problem, std::string remedy);
    void assume(std::string_view what, Object const& object, std::string_view note);
    /// The object that a setting refers to; nothing, with a finding, if there is none.
    [[nodiscard]] Object const* reference(Said const& said, Class kind);
    /// Points of an xycurve, by x.
    [[nodiscard]] double interpolate(Object const& curve, double x);

    [[nodiscard]] Index<feeder::Bus> bus(std::string_view name);
    /// The object by which a bus came into the feeder.
    [[nodiscard]] Object const& first_at(Index<feeder::Bus> bus) const { return *first_at_[bus.at()]; }
    /// Buses behind centre-tapped transformers: their nodes 1 and 2 are the legs.
    void mark_split(std::string const& name) { split_.emplace(name, true); }
    [[nodiscard]] bool is_split(std::string const& name) const { return split_.contains(name); }
    /// The phase of a node; nothing for ground and for neutral conductors (4 and above).
    [[nodiscard]] std::optional<Phase> phase(std::string const& bus_name, int node) const;
    [[nodiscard]] feeder::Conductor conductor(std::string const& bus_name, int node) const;
    /// Where an element with one terminal sits. A finding where it is on no phase.
    [[nodiscard]] Seats seats(Object const& object, BusSpec const& spec, bool is_delta, std::size_t phases);
    /// The same in every run.
    [[nodiscard]] std::string mrid(Object const& object) const;
    [[nodiscard]] std::string mrid(std::string_view what) const;

    /// \throws core::InvalidInput with everything that is wrong.
    [[nodiscard]] ReadFeeder finish();

  private:
    std::unordered_map<std::string, Index<feeder::Bus>> buses_;
    std::vector<Object const*> first_at_;
    Object const* begun_ = nullptr;
    std::unordered_map<std::string, bool> split_;
    std::map<std::string, std::vector<std::pair<double, double>>> curves_;
};

/// Number of conductors with which an element of one terminal comes: a wye has a neutral, a delta of one or two phases one more
/// than these.
[[nodiscard]] constexpr std::size_t conductors_of(bool is_delta, std::size_t phases) {
    return is_delta ? (phases == 3 ? 3 : phases + 1) : phases + 1;
}
/// Volts across one phase of an element that is rated `kv`: two and three phases are rated between phases.
[[nodiscard]] double rated_volts(double kv, bool is_delta, std::size_t phases);

/// m; nothing for "none".
[[nodiscard]] std::optional<double> metres_of(std::string_view unit);

// The families, in the order in which they are read. Each knows its own classes only.
void find_split_buses(Context& context);   // dss_transformers.cpp
void read_source(Context& context);        // dss_sources.cpp
void read_lines(Context& context);         // dss_lines.cpp
void read_transformers(Context& context);  // dss_transformers.cpp
void read_capacitors(Context& context);    // dss_shunts.cpp
void read_reactors(Context& context);      // dss_shunts.cpp
/// Reactors between a neutral and ground, ohm, by "bus.node".
[[nodiscard]] std::unordered_map<std::string, std::complex<double>> neutral_reactors(
    Context& context);                   // dss_shunts.cpp
void read_loads(Context& context);       // dss_loads.cpp
void read_generation(Context& context);  // dss_sources.cpp
void read_controls(Context& context);    // dss_controls.cpp
/// Conductors that no closed way leads to from the source float in OpenDSS; here they are left out.
void drop_dead_conductors(Context& context);  // dss_voltages.cpp
/// A finding for every part of the network to which nothing leads from the source.
void name_islands(Context& context);        // dss_voltages.cpp
void find_base_voltages(Context& context);  // dss_voltages.cpp

/// Cross section of a line by its linegeometry. Nothing, with a finding, where it cannot be calculated.
struct Constants {
    feeder::LineCode code;
    std::size_t phases = 0;
    double normal_a = feeder::unknown, emergency_a = feeder::unknown;
};
[[nodiscard]] std::optional<Constants> constants_of_geometry(Context& context, Object const& line,
                                                             Object const& geometry, EarthModel earth,
                                                             double resistivity);  // dss_geometry.cpp
/// The same of a linespacing and its conductors in order.
[[nodiscard]] std::optional<Constants> constants_of_spacing(Context& context, Object const& line, Object const& spacing,
                                                            std::vector<Object const*> const& conductors,
                                                            EarthModel earth,
                                                            double resistivity);  // dss_geometry.cpp
/// Reads a list of names of wiredata, cndata or tsdata into the places from `first` on.
void read_conductors(Context& context, Said const& said, Class kind, std::size_t first,
                     std::vector<Object const*>& conductors);  // dss_geometry.cpp
/// Conductors and phases of a linespacing.
[[nodiscard]] std::pair<std::size_t, std::size_t> size_of_spacing(Context& context, Object const& spacing);

}  // namespace dec::io::dss
