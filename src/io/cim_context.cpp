#include "cim_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <map>

#include "dec/feeder/tree.hpp"

namespace dec::io::cim {

namespace {

std::string_view trimmed(std::string_view text) {
    auto const begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<double> parse_number(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    double value = 0.0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
    return value;
}

using Reasons = std::map<std::string_view, std::string_view>;

/// Why objects of a class, or attributes of those that are read, say nothing to this program. What is not listed here
/// and not read is unknown, and warned about.
Reasons const& reasons_of_classes() {
    static Reasons const reasons{
        {"BaseVoltage", "nothing that is read refers to it"},
        {"CoordinateSystem", "coordinates are used as they are"},
        {"DistributionArea", "only the areas inside the feeder are coordinated"},
        {"IEC61970CIMVersion", "every version is read alike"},
        {"Location", "the places of its buses are known from other equipment"},
        {"OperationalLimitSet", "holds voltage limits, which are options of the command"},
        {"OperationalLimitType", "of voltage limits, which are options of the command"},
        {"PositionPoint", "the place of its bus is known from other equipment"},
        {"TopologicalIsland", "topology follows from the switches"},
        {"TopologicalNode", "topology follows from the switches"},
        {"VoltageLimit", "voltage limits are options of the command"},
        {"OverheadWireInfo", "no line needs it"},
        {"WireSpacingInfo", "no line needs it"},
        {"WirePosition", "no line needs it"},
        {"ConcentricNeutralCableInfo", "no line needs it"},
        {"TapeShieldCableInfo", "no line needs it"},
    };
    return reasons;
}

Reasons const& reasons_of_attributes() {
    static Reasons const reasons{
        {"IdentifiedObject.mRID", "a part of another object, and known by that"},
        {"IdentifiedObject.name", "a part of another object, and known by that"},
        {"PowerSystemResource.Location", "the places of buses are known from other equipment"},
        {"Location.CoordinateSystem", "coordinates are used as they are"},
        {"PositionPoint.sequenceNumber", "the place of its bus is known from another point"},
        {"PositionPoint.xPosition", "the place of its bus is known from another point"},
        {"PositionPoint.yPosition", "the place of its bus is known from another point"},
        {"Feeder.DistributionArea", "only the areas inside the feeder are coordinated"},
        {"FeederArea.DistributionArea", "only the areas inside the feeder are coordinated"},
        {"Substation.SchedulingArea", "only the areas inside the feeder are coordinated"},
        {"Switch.retained", "switches are kept as branches anyway"},
        {"SwitchPhase.normalOpen", "the phase says whether it is closed"},
        {"OperationalLimitType.direction", "the limits that are read bound a magnitude"},
        {"PowerTransformer.vectorGroup", "the ends say how they are connected"},
        {"TransformerCoreAdmittance.b0", "only the positive sequence of a core is kept"},
        {"TransformerCoreAdmittance.g0", "only the positive sequence of a core is kept"},
        {"TransformerEndInfo.insulationU", "says nothing of the flow of power"},
        {"TransformerEndInfo.shortTermS", "ratings are normal or emergency"},
        {"TransformerTest.temperature", "impedances are used as tested"},
        {"ShortCircuitTest.energisedEndStep", "impedances are used as tested"},
        {"ShortCircuitTest.groundedEndStep", "impedances are used as tested"},
        {"NoLoadTest.energisedEndVoltage", "tests are at rated voltage"},
        {"NoLoadTest.excitingCurrentZero", "only the positive sequence of a core is kept"},
        {"NoLoadTest.lossZero", "only the positive sequence of a core is kept"},
        {"LinearShuntCompensator.b0PerSection", "the phases of a capacitor are not coupled"},
        {"LinearShuntCompensator.g0PerSection", "the phases of a capacitor are not coupled"},
        {"LinearShuntCompensator.bPerSection", "its phases say it"},
        {"ShuntCompensator.sections", "its phases say it"},
        {"ShuntCompensatorPhase.maximumSections", "the whole capacitor says it"},
        {"ShuntCompensatorPhase.normalSections", "the whole capacitor says it"},
        {"LoadResponseCharacteristic.pFrequencyExponent", "frequency is nominal"},
        {"LoadResponseCharacteristic.qFrequencyExponent", "frequency is nominal"},
        {"LoadResponseCharacteristic.pVoltageExponent", "the response is by shares, not exponents"},
        {"LoadResponseCharacteristic.pConstantPower", "the response is by exponents"},
        {"LoadResponseCharacteristic.pConstantCurrent", "the response is by exponents"},
        {"LoadResponseCharacteristic.pConstantImpedance", "the response is by exponents"},
        {"LoadResponseCharacteristic.qVoltageExponent", "the response is by shares, not exponents"},
        {"LoadResponseCharacteristic.qConstantPower", "the response is by exponents"},
        {"LoadResponseCharacteristic.qConstantCurrent", "the response is by exponents"},
        {"LoadResponseCharacteristic.qConstantImpedance", "the response is by exponents"},
        {"WireInfo.ratedCurrent", "current limits are those of terminals"},
        {"WireInfo.sizeDescription", "only a name"},
        {"WireInfo.strandCount", "resistance and GMR say it"},
        {"WireInfo.coreStrandCount", "resistance and GMR say it"},
        {"WireInfo.coreRadius", "resistance and GMR say it"},
        {"WireInfo.insulated", "bare wires and cables are told apart by their class"},
        {"WireInfo.insulationMaterial", "its permittivity says it"},
        {"WireInfo.insulationThickness", "bare wires have none that counts"},
        {"WireInfo.material", "resistance says it"},
        {"WireInfo.usage", "says nothing of the flow of power"},
        {"WireSpacingInfo.isCable", "the wires say it"},
        {"WireSpacingInfo.usage", "says nothing of the flow of power"},
        {"CableInfo.isStrandFill", "says nothing of the flow of power"},
        {"CableInfo.nominalTemperature", "the resistance at 50 degrees is taken"},
        {"CableInfo.diameterOverCore", "diameter and thickness of the insulation say it"},
        {"CableInfo.diameterOverJacket", "what is outside the shield does not count"},
        {"CableInfo.diameterOverScreen", "the diameter over the neutral says it"},
        {"CableInfo.sheathAsNeutral", "shields are grounded everywhere"},
        {"ConnectivityNode.OperationalLimitSet", "voltage limits are options of the command"},
        {"ConnectivityNode.TopologicalNode", "topology follows from the switches"},
        {"Terminal.BoundedSchedulingArea", "the border of an area follows from its members"},
    };
    return reasons;
}

}  // namespace

std::string qualified(std::string_view class_name, std::string_view attribute) {
    return fmt::format("{}.{}", class_name, attribute.substr(attribute.find('.') + 1));
}

Context::Context(Objects const& all, std::string origin, ReadOptions const& chosen)
    : objects{all}, options{chosen}, bus_of(all.size()), area_of(all.size()), element_of(all.size()),
      winding_of(all.size(), 0), origin_{std::move(origin)}, fate_(all.size(), Fate::untouched),
      property_used_(all.properties().size(), false) {
    feeder.heading.origin = origin_;
}

// ---- properties

void Context::touch(ObjectId id) {
    if (fate_[id.at()] == Fate::untouched) fate_[id.at()] = Fate::read;
}

void Context::use(ObjectId id, std::size_t property) {
    touch(id);
    property_used_[property] = true;
}

std::vector<std::string_view> Context::values(ObjectId id, std::string_view attribute) {
    touch(id);
    std::vector<std::string_view> found;
    auto const wanted = objects.find_attribute(attribute);
    if (!wanted.valid()) return found;
    auto const own = objects.properties(id);
    for (std::size_t i = 0; i < own.size(); ++i) {
        if (own[i].attribute != wanted) continue;
        use(id, objects.first_property(id) + i);
        found.push_back(trimmed(own[i].value));
    }
    return found;
}

std::optional<std::string_view> Context::raw(ObjectId id, std::string_view attribute) {
    auto const found = values(id, attribute);
    if (found.empty()) return std::nullopt;
    for (auto const value : found)
        if (value != found.front())
            finding(id, fmt::format("{} is both \"{}\" and \"{}\"", attribute, found.front(), value), "give it once");
    return found.front();
}

void Context::refuse_text(ObjectId id, std::string_view attribute, std::string_view text, std::string_view wanted) {
    finding(id, fmt::format("{} = \"{}\" is not {}", attribute, text, wanted),
            fmt::format("write {} with a decimal point and without unit", wanted));
}

void Context::refuse_literal(ObjectId id, std::string_view attribute, std::string_view text, std::string_view known) {
    finding(id, fmt::format("{} = \"{}\" is not supported", attribute, text), fmt::format("it may be {}", known));
}

void Context::assume_value(ObjectId id, std::string_view attribute, std::string_view value) {
    assume(id, qualified(objects.class_name(id), attribute), fmt::format("absent: {} taken", value));
}

std::optional<std::string_view> Context::text(ObjectId id, std::string_view attribute) { return raw(id, attribute); }

std::optional<double> Context::number(ObjectId id, std::string_view attribute) {
    auto const written = raw(id, attribute);
    return written ? parsed(id, attribute, *written) : std::nullopt;
}

std::optional<double> Context::parsed(ObjectId id, std::string_view attribute, std::string_view written) {
    auto const value = parse_number(written);
    if (!value) refuse_text(id, attribute, written, "a finite number");
    return value;
}

std::optional<std::int32_t> Context::integer(ObjectId id, std::string_view attribute) {
    auto const written = raw(id, attribute);
    if (!written) return std::nullopt;
    auto const value = parse_number(*written);
    if (!value || *value != std::round(*value) || std::abs(*value) > 1e9) {
        refuse_text(id, attribute, *written, "an integer");
        return std::nullopt;
    }
    return static_cast<std::int32_t>(*value);
}

std::optional<bool> Context::flag(ObjectId id, std::string_view attribute) {
    auto const written = raw(id, attribute);
    if (!written) return std::nullopt;
    std::string lower{*written};
    for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "true" || lower == "1") return true;
    if (lower == "false" || lower == "0") return false;
    finding(id, fmt::format("{} = \"{}\" is neither true nor false", attribute, *written), "write true or false");
    return std::nullopt;
}

double Context::number_or(ObjectId id, std::string_view attribute, double fallback) {
    if (auto const value = number(id, attribute)) return *value;
    assume_value(id, attribute, fmt::to_string(fallback));
    return fallback;
}

std::int32_t Context::integer_or(ObjectId id, std::string_view attribute, std::int32_t fallback) {
    if (auto const value = integer(id, attribute)) return *value;
    assume_value(id, attribute, fmt::to_string(fallback));
    return fallback;
}

bool Context::flag_or(ObjectId id, std::string_view attribute, bool fallback) {
    if (auto const value = flag(id, attribute)) return *value;
    assume_value(id, attribute, fmt::to_string(fallback));
    return fallback;
}

void Context::expect(ObjectId id, std::string_view attribute, double taken, std::string_view note) {
    auto const written = number(id, attribute);
    if (written && std::abs(*written - taken) > 1e-6 * std::max(std::abs(*written), std::abs(taken)))
        assume(id, qualified(objects.class_name(id), attribute), note);
}

double Context::required_number(ObjectId id, std::string_view attribute) {
    auto const written = raw(id, attribute);
    if (written) return parsed(id, attribute, *written).value_or(feeder::unknown);
    finding(id, fmt::format("{} is missing", attribute), "add it");
    return feeder::unknown;
}

// ---- links

std::vector<ObjectId> Context::linked(ObjectId id, Association association) {
    touch(id);
    associations_asked_.insert(association.here);
    associations_asked_.insert(association.there);
    std::vector<ObjectId> found;
    auto const add = [&](ObjectId other) {
        touch(other);
        if (std::ranges::find(found, other) == found.end()) found.push_back(other);
    };
    if (auto const here = objects.find_attribute(association.here); here.valid()) {
        auto const own = objects.properties(id);
        for (std::size_t i = 0; i < own.size(); ++i) {
            if (own[i].attribute != here || !own[i].target.valid()) continue;
            use(id, objects.first_property(id) + i);
            add(own[i].target);
        }
    }
    if (auto const there = objects.find_attribute(association.there); there.valid()) {
        for (auto const& back : objects.back_links(id)) {
            if (objects.properties()[back.property].attribute != there) continue;
            use(back.from, back.property);
            add(back.from);
        }
    }
    return found;
}

ObjectId Context::linked_one(ObjectId id, Association association) {
    auto const found = linked(id, association);
    if (found.size() > 1)
        finding(id,
                fmt::format("has {} links {}, to {} and {}", found.size(), association.here, describe(found[0]),
                            describe(found[1])),
                "keep one of them");
    return found.empty() ? ObjectId{} : found.front();
}

std::vector<ObjectId> Context::linked_in_order(ObjectId id, Association association, std::string_view order_attribute) {
    std::vector<std::pair<std::int32_t, ObjectId>> ordered;
    bool complete = true;
    for (ObjectId other : linked(id, association)) {
        auto const place = integer(other, order_attribute);
        complete = complete && place.has_value();
        ordered.emplace_back(place.value_or(0), other);
    }
    if (complete) std::ranges::stable_sort(ordered, {}, [](auto const& entry) { return entry.first; });
    else if (ordered.size() > 1)
        assume(ordered.front().second, qualified(objects.class_name(ordered.front().second), order_attribute),
               "absent: the order of the file taken");
    for (std::size_t i = 1; complete && i < ordered.size(); ++i)
        if (ordered[i].first == ordered[i - 1].first)
            finding(
                ordered[i].second,
                fmt::format("has {} = {} like {}", order_attribute, ordered[i].first, describe(ordered[i - 1].second)),
                "number them 1, 2, …");
    std::vector<ObjectId> result;
    for (auto const& entry : ordered) result.push_back(entry.second);
    return result;
}

// ---- identity and messages

std::string_view Context::name(ObjectId id) {
    if (auto const written = raw(id, "IdentifiedObject.name"); written && !written->empty()) return *written;
    return mrid(id);
}

std::string_view Context::mrid(ObjectId id) {
    if (auto const written = raw(id, "IdentifiedObject.mRID"); written && !written->empty()) return *written;
    return objects.identifier(id);
}

std::string Context::describe(ObjectId id) {
    // not by `name` and `mrid`: what is wrong with those is a finding, which describes its object
    auto const first = [&](std::string_view attribute, std::string_view otherwise) {
        auto const found = values(id, attribute);
        return found.empty() || found.front().empty() ? otherwise : found.front();
    };
    auto const shown_mrid = first("IdentifiedObject.mRID", objects.identifier(id));
    return feeder::describe(objects.class_name(id), first("IdentifiedObject.name", shown_mrid), shown_mrid);
}

namespace {

/// Classes without which the network is still what it is.
constexpr std::array<std::string_view, 9> moves_or_measures{
    "RatioTapChanger", "TapChangerControl", "RegulatingControl",         "Analog", "Discrete", "CurrentLimit",
    "PositionPoint",   "Location",          "LoadResponseCharacteristic"};

}  // namespace

void Context::finding(ObjectId id, std::string problem, std::string remedy) {
    has_holes_ = has_holes_ || std::ranges::find(moves_or_measures, objects.class_name(id)) == moves_or_measures.end();
    core::Finding found{origin_, describe(id), std::move(problem), std::move(remedy)};
    // several parts of the reader may look at the same property: what is wrong with it is said once
    if (said_.insert(core::one_line(found)).second) findings_.push_back(std::move(found));
}

void Context::finding(std::string problem, std::string remedy) {
    has_holes_ = true;
    findings_.push_back({origin_, {}, std::move(problem), std::move(remedy)});
}

void Context::assume(ObjectId id, std::string_view what, std::string_view note) {
    report.add(what, Use::assumed, name(id), note);
}

void Context::convention(ObjectId id, std::string_view what, std::string_view note) {
    report.add(what, Use::read, name(id), note);
}

void Context::ignore(ObjectId id, std::string_view note) {
    report.add(objects.class_name(id), Use::ignored, name(id), note);
    fate_[id.at()] = Fate::ignored;
}

// ---- what several parts need

std::vector<ObjectId> Context::terminals(ObjectId equipment, std::size_t count) {
    auto found = linked_in_order(equipment, link::terminals_of_equipment, "ACDCTerminal.sequenceNumber");
    if (found.size() != count)
        finding(equipment, fmt::format("has {} terminals instead of {}", found.size(), count),
                count == 1 ? "give it one Terminal" : "give it a Terminal at each end, with sequenceNumber 1 and 2");
    return found;
}

core::Index<feeder::Bus> Context::bus_at(std::vector<ObjectId> const& terminals, std::size_t place) const {
    return place < terminals.size() ? bus_of[terminals[place].at()] : core::Index<feeder::Bus>{};
}

core::Index<feeder::Area> Context::area(ObjectId equipment) {
    auto const found = linked_one(equipment, link::area_of_equipment);
    return found.valid() ? area_of[found.at()] : core::Index<feeder::Area>{};
}

feeder::Rating Context::rating_of_set(ObjectId set) {
    static constexpr double permanent_s = 1e9;  // exporters write 5e9 s for "always"
    if (auto const known = rating_of_.find(set); known != rating_of_.end()) return known->second;
    feeder::Rating rating;
    for (ObjectId limit : linked(set, link::limits_of_set)) {
        if (objects.class_name(limit) != "CurrentLimit") continue;
        auto const type = linked_one(limit, link::type_of_limit);
        auto const duration_s = type.valid() ? number(type, "OperationalLimitType.acceptableDuration") : std::nullopt;
        auto& place = duration_s.value_or(permanent_s) >= permanent_s ? rating.normal_a : rating.emergency_a;
        place = number(limit, "CurrentLimit.value").value_or(feeder::unknown);
    }
    return rating_of_[set] = rating;
}

feeder::Rating Context::rating(std::vector<ObjectId> const& terminals) {
    for (ObjectId terminal : terminals)
        for (ObjectId set : linked(terminal, link::limit_sets_of_terminal)) {
            auto const rating = rating_of_set(set);
            if (!std::isnan(rating.normal_a) || !std::isnan(rating.emergency_a)) return rating;
        }
    return {};
}

feeder::TerminalRef Context::terminal_ref(ObjectId terminal) {
    feeder::TerminalRef ref;
    ref.bus = bus_of[terminal.at()];
    ref.terminal = static_cast<std::uint8_t>(integer(terminal, "ACDCTerminal.sequenceNumber").value_or(1));
    if (auto const equipment = linked_one(terminal, link::equipment_of_terminal); equipment.valid()) {
        ref.kind = element_of[equipment.at()].kind;
        ref.element = element_of[equipment.at()].row;
    }
    return ref;
}

std::optional<feeder::Phase> Context::phase(ObjectId id, std::string_view attribute) {
    auto const written = raw(id, attribute);
    if (!written) {
        finding(id, fmt::format("{} is missing", attribute), "name its phase: A, B, C, s1 or s2");
        return std::nullopt;
    }
    auto const found = feeder::phase_from_text(*written);
    if (!found && *written != "N")
        finding(id, fmt::format("{} = \"{}\" is no phase", attribute, *written), "phases are A, B, C, N, s1 and s2");
    return found;
}

std::optional<feeder::PhaseSet> Context::phase_code(std::string_view text) {
    feeder::PhaseSet phases;
    if (text == "none") return phases;
    if (text.starts_with("s12")) {
        text.remove_prefix(3);
        phases = feeder::PhaseSet::split();
    }
    while (!text.empty()) {
        if (text.starts_with('N')) {
            text.remove_prefix(1);
            continue;
        }
        auto const length = text.starts_with('s') ? 2U : 1U;
        auto const phase = feeder::phase_from_text(text.substr(0, length));
        if (!phase) return std::nullopt;
        phases.insert(*phase);
        text.remove_prefix(length);
    }
    return phases;
}

std::vector<ObjectId> Context::datasheets(ObjectId resource, Association association,
                                          std::initializer_list<std::string_view> classes) {
    auto candidates = linked(resource, association);
    auto const more = [&](std::vector<ObjectId> const& found) {
        candidates.insert(candidates.end(), found.begin(), found.end());
    };
    more(linked(resource, link::datasheet_of_resource));
    for (ObjectId asset : linked(resource, link::assets_of_resource)) more(linked(asset, link::datasheet_of_asset));
    std::vector<ObjectId> wanted;
    for (ObjectId candidate : candidates)
        if (std::ranges::find(classes, objects.class_name(candidate)) != classes.end() &&
            std::ranges::find(wanted, candidate) == wanted.end())
            wanted.push_back(candidate);
    return wanted;
}

// ---- the account

namespace {

/// A reference that may mean the feeder itself.
bool names_container(std::string_view attribute) {
    return attribute == link::container_of_equipment.here || attribute == link::container_of_node.here ||
           attribute == link::feeder_of_area.here;
}

}  // namespace

void Context::find_dangling_links() {
    bool const has_no_feeder = objects.of_class("Feeder").empty();  // said once, not for everything that is in it
    for (std::size_t i = 0; i < objects.size(); ++i) {
        ObjectId const id{i};
        for (auto const& property : objects.properties(id)) {
            if (!property.is_link || property.target.valid() || objects.is_elsewhere(property.value)) continue;
            auto const attribute = objects.attribute_name(property.attribute);
            if (!associations_asked_.contains(attribute)) continue;
            if (has_no_feeder && names_container(attribute)) continue;
            finding(id, fmt::format("{} points to {}, which is not in the file", attribute, property.value),
                    "the file is incomplete: export it again, or remove the reference");
        }
    }
}

void Context::account() {
    struct Count {
        std::int64_t read = 0, left_out = 0;
        ObjectId first_left_out;
    };
    std::map<std::string_view, Count> classes;
    std::map<std::pair<std::string_view, AttributeId>, Count> attributes;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        ObjectId const id{i};
        if (fate_[i] == Fate::ignored) continue;  // `ignore` has counted it
        auto const class_name = objects.class_name(id);
        auto const tally = [&](Count& count, bool is_read) {
            ++(is_read ? count.read : count.left_out);
            if (!is_read && !count.first_left_out.valid()) count.first_left_out = id;
        };
        tally(classes[class_name], fate_[i] == Fate::read);
        if (fate_[i] == Fate::untouched) continue;  // one line for the class says it all
        auto const own = objects.properties(id);
        for (std::size_t k = 0; k < own.size(); ++k)
            tally(attributes[{class_name, own[k].attribute}], property_used_[objects.first_property(id) + k]);
    }
    auto const add = [this](std::string_view what, Count const& count, Reasons const& reasons, std::string_view key) {
        if (count.read > 0) report.add(what, Use::read, {}, {}, count.read);
        if (count.left_out == 0) return;
        auto const reason = reasons.find(key);
        bool const known = reason != reasons.end();
        report.add(what, known ? Use::ignored : Use::unknown, name(count.first_left_out),
                   known ? reason->second : "not known here", count.left_out);
    };
    for (auto const& [class_name, count] : classes) add(class_name, count, reasons_of_classes(), class_name);
    for (auto const& [key, count] : attributes) {
        auto const attribute = objects.attribute_name(key.second);
        add(qualified(key.first, attribute), count, reasons_of_attributes(), attribute);
    }
}

/// What is wrong beside what could not be read; not twice of one element.
void Context::add_further_findings() {
    auto const own = static_cast<std::ptrdiff_t>(findings_.size());
    for (auto& other : feeder::further_findings(feeder, has_holes_)) {
        auto const mrid = other.element.substr(std::min(other.element.rfind('('), other.element.size()));
        auto const is_said = [&](core::Finding const& finding) {
            return !mrid.empty() && finding.element.ends_with(mrid);
        };
        if (std::none_of(findings_.begin(), findings_.begin() + own, is_said)) findings_.push_back(std::move(other));
    }
}

ReadFeeder Context::finish() {
    for (ObjectId id : objects.duplicates())
        finding(id, "its identifier belongs to another object before it", "give every object an identifier of its own");
    find_dangling_links();
    if (!findings_.empty()) {
        add_further_findings();
        throw core::InvalidInput{std::move(findings_)};
    }
    account();
    return {std::move(feeder), std::move(report)};
}

}  // namespace dec::io::cim
