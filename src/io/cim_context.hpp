/// \file cim_context.hpp
/// What the parts of the CIM reader share: the objects, the feeder as far as it is built, typed access to properties
/// with findings for what is wrong, and the account of what was read, assumed, ignored and unknown.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cim_associations.hpp"
#include "cim_names.hpp"
#include "cim_objects.hpp"
#include "dec/core/error.hpp"
#include "dec/feeder/feeder.hpp"
#include "dec/io/catalogue.hpp"

namespace dec::io::cim {

/// Where an object of the file went: a row of one of the feeder's tables.
struct Element {
    feeder::ElementKind kind = feeder::ElementKind::none;
    std::int32_t row = -1;
};

class Context {
  public:
    Context(Objects const& objects, std::string origin, ReadOptions const& options);

    Objects const& objects;
    ReadOptions options;
    feeder::Feeder feeder;
    Report report;

    // by object; filled by the part that reads the object, used by later ones
    std::vector<core::Index<feeder::Bus>> bus_of;    ///< of connectivity nodes, and of the terminals at them
    std::vector<core::Index<feeder::Area>> area_of;  ///< of scheduling areas
    std::vector<Element> element_of;                 ///< of equipment, and of transformer ends
    std::vector<std::uint8_t> winding_of;            ///< of transformer ends: place in Transformer::winding

    // Properties. Each marks what it reads; text that does not parse is a finding and counts as absent.
    [[nodiscard]] std::optional<std::string_view> text(ObjectId id, std::string_view attribute);
    [[nodiscard]] std::optional<double> number(ObjectId id, std::string_view attribute);
    [[nodiscard]] std::optional<std::int32_t> integer(ObjectId id, std::string_view attribute);
    [[nodiscard]] std::optional<bool> flag(ObjectId id, std::string_view attribute);
    /// A literal that is not among the spellings is a finding.
    template <class Enum, std::size_t N>
    [[nodiscard]] std::optional<Enum> enumeration(ObjectId id, std::string_view attribute,
                                                  std::array<Spelling<Enum>, N> const& spellings) {
        auto const written = text(id, attribute);
        if (!written) return std::nullopt;
        auto const value = from_cim(spellings, *written);
        if (!value) {
            std::string known;
            for (auto const& spelling : spellings) known.append(known.empty() ? "" : ", ").append(spelling.literal);
            refuse_literal(id, attribute, *written, known);
        }
        return value;
    }
    /// Absent: `fallback`, and the report says so.
    template <class Enum, std::size_t N>
    [[nodiscard]] Enum enumeration_or(ObjectId id, std::string_view attribute,
                                      std::array<Spelling<Enum>, N> const& spellings, Enum fallback) {
        if (auto const value = enumeration(id, attribute, spellings)) return *value;
        assume_value(id, attribute, to_cim(spellings, fallback));
        return fallback;
    }
    [[nodiscard]] double number_or(ObjectId id, std::string_view attribute, double fallback);
    [[nodiscard]] std::int32_t integer_or(ObjectId id, std::string_view attribute, std::int32_t fallback);
    [[nodiscard]] bool flag_or(ObjectId id, std::string_view attribute, bool fallback);
    /// A value that this program takes to be `taken`; the report says so where the file says otherwise.
    void expect(ObjectId id, std::string_view attribute, double taken, std::string_view note);
    /// Absent: a finding, and NaN.
    [[nodiscard]] double required_number(ObjectId id, std::string_view attribute);

    /// Everything `id` is associated with, each once, in the order of the file.
    [[nodiscard]] std::vector<ObjectId> linked(ObjectId id, Association association);
    /// The one object on the other side; invalid when there is none, a finding when there are several.
    [[nodiscard]] ObjectId linked_one(ObjectId id, Association association);
    /// `linked`, sorted by an integer attribute; without it the order of the file, and the report says so.
    [[nodiscard]] std::vector<ObjectId> linked_in_order(ObjectId id, Association association,
                                                        std::string_view order_attribute);

    [[nodiscard]] std::string_view name(ObjectId id);
    [[nodiscard]] std::string_view mrid(ObjectId id);
    /// "ACLineSegment l35 (6510F63A-…)".
    [[nodiscard]] std::string describe(ObjectId id);

    void finding(ObjectId id, std::string problem, std::string remedy);
    void finding(std::string problem, std::string remedy);
    /// Something was assumed about `id`. \param what "Class" or "Class.attribute" that is absent.
    void assume(ObjectId id, std::string_view what, std::string_view note);
    /// What CIM itself means by the absence of something, which is no assumption. \param what "Class without …".
    void convention(ObjectId id, std::string_view what, std::string_view note);
    /// An object that was looked at and has no meaning here. \param note why.
    void ignore(ObjectId id, std::string_view note);

    // Subjects that several parts of the reader need
    /// A new row of one of the feeder's tables for an object of the file.
    template <class Row>
    core::Index<Row> add(feeder::Table<Row>& table, Row const& row, ObjectId id,
                         feeder::ElementKind kind = feeder::ElementKind::none) {
        auto const place = table.add(row, name(id), mrid(id));
        element_of[id.at()] = {kind, place.value()};
        (void)linked_one(id, link::container_of_equipment);  // one feeder per file: any container will do
        return place;
    }
    /// Terminals in their order. \param count how many the equipment must have; otherwise a finding, and as many as
    /// there are.
    std::vector<ObjectId> terminals(ObjectId equipment, std::size_t count);
    /// Bus of terminal `place` of a list from `terminals`; invalid when it does not exist (already a finding).
    [[nodiscard]] core::Index<feeder::Bus> bus_at(std::vector<ObjectId> const& terminals, std::size_t place) const;
    /// Equipment.SubSchedulingArea; invalid when none.
    [[nodiscard]] core::Index<feeder::Area> area(ObjectId equipment);
    /// Current limits of the first terminal that has any.
    [[nodiscard]] feeder::Rating rating(std::vector<ObjectId> const& terminals);
    [[nodiscard]] feeder::TerminalRef terminal_ref(ObjectId terminal);
    /// A letter of a phase object; N is the neutral and gives nothing, anything else unknown is a finding.
    [[nodiscard]] std::optional<feeder::Phase> phase(ObjectId id, std::string_view attribute);
    /// Phases of "ABCN", "s12", "none"; nothing when it is no phase code.
    [[nodiscard]] static std::optional<feeder::PhaseSet> phase_code(std::string_view text);
    /// What a datasheet says about `resource`: directly linked, or through an Asset as older models do.
    /// \param classes which kinds of datasheet to look for.
    [[nodiscard]] std::vector<ObjectId> datasheets(ObjectId resource, Association association,
                                                   std::initializer_list<std::string_view> classes);

    /// Closes the account: dangling links become findings; what nobody asked for is counted as ignored where it is known
    /// why, as unknown otherwise.
    /// \throws core::InvalidInput with everything that was found.
    ReadFeeder finish();

  private:
    enum class Fate : std::uint8_t { untouched, read, ignored };

    /// As written, trimmed; usually one or none.
    [[nodiscard]] std::vector<std::string_view> values(ObjectId id, std::string_view attribute);
    /// The one value; several different ones are a finding.
    [[nodiscard]] std::optional<std::string_view> raw(ObjectId id, std::string_view attribute);
    void touch(ObjectId id);
    void use(ObjectId id, std::size_t property);
    void find_dangling_links();
    void add_further_findings();
    void account();
    [[nodiscard]] feeder::Rating rating_of_set(ObjectId set);
    [[nodiscard]] std::optional<double> parsed(ObjectId id, std::string_view attribute, std::string_view written);
    void assume_value(ObjectId id, std::string_view attribute, std::string_view value);
    void refuse_literal(ObjectId id, std::string_view attribute, std::string_view text, std::string_view known);
    void refuse_text(ObjectId id, std::string_view attribute, std::string_view text, std::string_view wanted);

    std::string origin_;
    std::vector<core::Finding> findings_;
    bool has_holes_ = false;  ///< a finding is about what makes the network, not about what only moves or measures it
    std::unordered_set<std::string> said_;
    std::vector<Fate> fate_;  // of objects
    std::vector<bool> property_used_;
    std::unordered_set<std::string_view> associations_asked_;
    std::map<ObjectId, feeder::Rating> rating_of_;  // of limit sets, which many terminals share
};

/// "Class.attribute" without the class the attribute was inherited from, as the report names it.
[[nodiscard]] std::string qualified(std::string_view class_name, std::string_view attribute);

// The parts of the reader in the order in which they must run.
void read_heading(Context& context);  ///< feeder, substation, regions
void read_areas(Context& context);    ///< before equipment, which names its area
void read_buses(Context& context);    ///< connectivity nodes and terminals
void read_lines(Context& context);
void read_switches(Context& context);
void read_series_compensators(Context& context);
void read_sources(Context& context);
void read_transformers(Context& context);
void read_loads(Context& context);
void read_inverters(Context& context);
void read_machines(Context& context);
void read_capacitors(Context& context);
void read_tap_changers(Context& context);  ///< after all equipment, whose terminals they monitor
void read_capacitor_controls(Context& context);
void read_measurements(Context& context);
void read_base_voltages(Context& context);
void read_coordinates(Context& context);

/// The control of a tap changer or capacitor; `id` may be invalid.
[[nodiscard]] feeder::RegulatorControl read_control(Context& context, ObjectId id);

}  // namespace dec::io::cim
