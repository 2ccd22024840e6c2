#include "small_cim.hpp"

#include <algorithm>
#include <stdexcept>

namespace dec::test {

namespace {

bool is_link(std::string const& value) { return value.starts_with('>'); }

std::string property_xml(CimModel::Property const& property, Spelling spelling) {
    auto const& [attribute, value] = property;
    auto const rest = value.empty() ? "" : value.substr(1);
    if (is_link(value))
        return "  <cim:" + attribute + " rdf:resource=\"" + (spelling == Spelling::urn_uuid ? "urn:uuid:" : "#_") +
               rest + "\"/>\n";
    if (value.starts_with('~'))
        return "  <cim:" + attribute + " rdf:resource=\"http://iec.ch/TC57/CIM100#" + rest + "\"/>\n";
    return "  <cim:" + attribute + ">" + value + "</cim:" + attribute + ">\n";
}

}  // namespace

void CimModel::add(std::string class_name, std::string id, std::vector<Property> properties) {
    auto const add_unless_given = [&](std::string const& attribute) {
        if (std::ranges::find(properties, attribute, &Property::attribute) == properties.end())
            properties.push_back({attribute, id});
    };
    add_unless_given("IdentifiedObject.mRID");
    add_unless_given("IdentifiedObject.name");
    objects_.push_back({std::move(class_name), std::move(id), std::move(properties)});
}

CimModel::Object& CimModel::at(std::string_view id) {
    auto const found = std::ranges::find(objects_, id, &Object::id);
    if (found == objects_.end()) throw std::out_of_range{"no object " + std::string{id}};
    return *found;
}

void CimModel::remove(std::string_view id) {
    if (std::erase_if(objects_, [&](Object const& object) { return object.id == id; }) == 0)
        throw std::out_of_range{"no object " + std::string{id}};
}

void CimModel::remove(std::string_view id, std::string_view attribute) {
    if (std::erase_if(at(id).properties, [&](Property const& p) { return p.attribute == attribute; }) == 0)
        throw std::out_of_range{"no attribute " + std::string{attribute}};
}

void CimModel::set(std::string_view id, std::string_view attribute, std::string_view value) {
    auto& properties = at(id).properties;
    auto const found = std::ranges::find(properties, attribute, &Property::attribute);
    if (found == properties.end()) properties.push_back({std::string{attribute}, std::string{value}});
    else found->value = value;
}

std::size_t CimModel::rename_attribute(std::string_view attribute, std::string_view other) {
    std::size_t count = 0;
    for (auto& object : objects_)
        for (auto& property : object.properties)
            if (property.attribute == attribute) {
                property.attribute = other;
                ++count;
            }
    return count;
}

std::size_t CimModel::remove_attribute(std::string_view attribute) {
    std::size_t count = 0;
    for (auto& object : objects_)
        count += std::erase_if(object.properties, [&](Property const& p) { return p.attribute == attribute; });
    return count;
}

std::size_t CimModel::turn(std::string_view attribute, std::string_view inverse) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < objects_.size(); ++i) {
        std::vector<std::string> targets;
        for (auto const& property : objects_[i].properties)
            if (property.attribute == attribute && is_link(property.value)) targets.push_back(property.value.substr(1));
        std::erase_if(objects_[i].properties, [&](Property const& p) { return p.attribute == attribute; });
        for (auto const& target : targets) {
            at(target).properties.push_back({std::string{inverse}, ">" + objects_[i].id});
            ++count;
        }
    }
    return count;
}

void CimModel::reverse_order() {
    std::ranges::reverse(objects_);
    for (auto& object : objects_) std::ranges::reverse(object.properties);
}

std::string CimModel::xml(Spelling spelling) const {
    std::string text =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rdf:RDF xmlns:cim=\"http://iec.ch/TC57/CIM100#\" "
        "xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n";
    for (auto const& object : objects_) {
        text += "<cim:" + object.class_name +
                (spelling == Spelling::urn_uuid ? " rdf:about=\"urn:uuid:" : " rdf:ID=\"_") + object.id + "\">\n";
        for (auto const& property : object.properties) text += property_xml(property, spelling);
        text += "</cim:" + object.class_name + ">\n";
    }
    return text + "</rdf:RDF>\n";
}

namespace {

void add_frame(CimModel& m) {
    m.add("GeographicalRegion", "region", {});
    m.add("SubGeographicalRegion", "subregion", {{"SubGeographicalRegion.Region", ">region"}});
    m.add("Substation", "substation", {{"Substation.Region", ">subregion"}});
    m.add("Feeder", "feeder", {{"Feeder.NormalEnergizingSubstation", ">substation"}});
    m.add("FeederArea", "area", {{"FeederArea.Feeder", ">feeder"}});
    m.add("SwitchArea", "area.0", {{"SwitchArea.FeederArea", ">area"}});
    m.add("SecondaryArea", "area.0.0", {{"SecondaryArea.SwitchArea", ">area.0"}});
    m.add("BaseVoltage", "kv115", {{"BaseVoltage.nominalVoltage", "115000.0"}});
    m.add("BaseVoltage", "kv4", {{"BaseVoltage.nominalVoltage", "4160"}});
    m.add("BaseVoltage", "v208", {{"BaseVoltage.nominalVoltage", "208"}});
    m.add("TopologicalNode", "topological", {});
    m.add("OperationalLimitType", "always", {{"OperationalLimitType.acceptableDuration", "5E9"}});
    m.add("OperationalLimitType", "for a while", {{"OperationalLimitType.acceptableDuration", "7200.0"}});
    m.add("OperationalLimitSet", "amps", {});
    m.add("CurrentLimit", "normal amps",
          {{"CurrentLimit.value", "400"},
           {"OperationalLimit.OperationalLimitSet", ">amps"},
           {"OperationalLimit.OperationalLimitType", ">always"}});
    m.add("CurrentLimit", "emergency amps",
          {{"CurrentLimit.value", "600"},
           {"OperationalLimit.OperationalLimitSet", ">amps"},
           {"OperationalLimit.OperationalLimitType", ">for a while"}});
    m.add("OperationalLimitSet", "volts", {});
    m.add("VoltageLimit", "high volts",
          {{"VoltageLimit.value", "4368"}, {"OperationalLimit.OperationalLimitSet", ">volts"}});
}

void add_node(CimModel& m, std::string const& id) {
    m.add("ConnectivityNode", id, {{"ConnectivityNode.ConnectivityNodeContainer", ">feeder"}});
}

std::string terminal_id(std::string const& equipment, int number) { return equipment + "_T" + std::to_string(number); }

void add_terminal(CimModel& m, std::string const& equipment, int number, std::string const& node) {
    m.add("Terminal", terminal_id(equipment, number),
          {{"Terminal.ConductingEquipment", ">" + equipment},
           {"Terminal.ConnectivityNode", ">" + node},
           {"ACDCTerminal.sequenceNumber", std::to_string(number)}});
}

void add_equipment(CimModel& m, std::string const& class_name, std::string const& id, std::string const& base_voltage,
                   std::vector<CimModel::Property> properties, std::vector<std::string> const& nodes) {
    properties.push_back({"Equipment.EquipmentContainer", ">feeder"});
    properties.push_back({"Equipment.SubSchedulingArea", ">area.0"});
    if (!base_voltage.empty()) properties.push_back({"ConductingEquipment.BaseVoltage", ">" + base_voltage});
    m.add(class_name, id, std::move(properties));
    for (std::size_t i = 0; i < nodes.size(); ++i) add_terminal(m, id, static_cast<int>(i + 1), nodes[i]);
}

void add_line_phases(CimModel& m, std::string const& line, std::vector<std::string> const& phases) {
    for (std::size_t i = 0; i < phases.size(); ++i)
        m.add("ACLineSegmentPhase", line + "_" + phases[i],
              {{"ACLineSegmentPhase.ACLineSegment", ">" + line},
               {"ACLineSegmentPhase.phase", "~SinglePhaseKind." + phases[i]},
               {"ACLineSegmentPhase.sequenceNumber", std::to_string(i + 1)}});
}

void add_matrix_entry(CimModel& m, std::string const& code, int row, int column, double r) {
    m.add("PhaseImpedanceData", code + std::to_string(row) + std::to_string(column),
          {{"PhaseImpedanceData.PhaseImpedance", ">" + code},
           {"PhaseImpedanceData.row", std::to_string(row)},
           {"PhaseImpedanceData.column", std::to_string(column) + ".0"},
           {"PhaseImpedanceData.r", std::to_string(r)},
           {"PhaseImpedanceData.x", std::to_string(2.0 * r)},
           {"PhaseImpedanceData.b", row == column ? "3e-09" : "-1e-09"}});
}

/// hv -> feed: delta-wye substation transformer given by its ends; grid -> hv: reactor; source at grid.
void add_substation(CimModel& m) {
    for (auto const* node : {"grid", "hv", "feed"}) add_node(m, node);
    add_equipment(m, "EnergySource", "source", "kv115",
                  {{"EnergySource.nominalVoltage", "115000"},
                   {"EnergySource.voltageMagnitude", "120750"},
                   {"EnergySource.voltageAngle", "0.52359878"},
                   {"EnergySource.r", "0.1"},
                   {"EnergySource.x", "0.5"},
                   {"EnergySource.r0", "0.2"},
                   {"EnergySource.x0", "0.6"}},
                  {"grid"});
    add_equipment(m, "SeriesCompensator", "reactor", "kv115",
                  {{"SeriesCompensator.r", "0"},
                   {"SeriesCompensator.x", "14.8"},
                   {"SeriesCompensator.r0", "0.5"},
                   {"SeriesCompensator.x0", "15"}},
                  {"grid", "hv"});
    add_equipment(m, "PowerTransformer", "substation transformer", "", {}, {"hv", "feed"});
    auto const end = [&](int number, char const* kind, char const* clock, char const* volts, char const* base,
                         char const* r) {
        auto const id = "substation transformer_End_" + std::to_string(number);
        m.add("PowerTransformerEnd", id,
              {{"PowerTransformerEnd.PowerTransformer", ">substation transformer"},
               {"TransformerEnd.endNumber", std::to_string(number)},
               {"PowerTransformerEnd.connectionKind", std::string{"~WindingConnection."} + kind},
               {"PowerTransformerEnd.phaseAngleClock", clock},
               {"PowerTransformerEnd.ratedU", volts},
               {"PowerTransformerEnd.ratedS", "5000000"},
               {"PowerTransformerEnd.r", r},
               {"TransformerEnd.grounded", number == 2 ? "True" : "false"},
               {"TransformerEnd.rground", "0"},
               {"TransformerEnd.xground", number == 2 ? "0.4" : "0"},
               {"TransformerEnd.Terminal", ">" + terminal_id("substation transformer", number)},
               {"TransformerEnd.BaseVoltage", std::string{">"} + base}});
    };
    end(1, "D", "0", "115000", "kv115", "6.6125");
    end(2, "Yn", "1", "4160", "kv4", "0.0086528");
    m.add("TransformerMeshImpedance", "mesh",
          {{"TransformerMeshImpedance.FromTransformerEnd", ">substation transformer_End_1"},
           {"TransformerMeshImpedance.ToTransformerEnd", ">substation transformer_End_2"},
           {"TransformerMeshImpedance.r", "13.225"},
           {"TransformerMeshImpedance.x", "211.6"}});
    m.add("TransformerCoreAdmittance", "core",
          {{"TransformerCoreAdmittance.g", "1e-7"}, {"TransformerCoreAdmittance.b", "2e-7"}});
    m.set("substation transformer_End_1", "TransformerEnd.CoreAdmittance", ">core");
}

/// feed -> n1 three phases; n1 -> n2 phases C and B; n1 -> n5 by sequence values; n5 -> n6 by its own ohms.
void add_lines(CimModel& m) {
    for (auto const* node : {"n1", "n2", "n5", "n6"}) add_node(m, node);
    m.add("PerLengthPhaseImpedance", "three", {{"PerLengthPhaseImpedance.conductorCount", "3"}});
    for (int row = 1; row <= 3; ++row)
        for (int column = 1; column <= row; ++column)
            add_matrix_entry(m, "three", row, column, row == column ? 3e-4 : 1e-4);
    m.add("PerLengthPhaseImpedance", "two", {{"PerLengthPhaseImpedance.conductorCount", "2"}});
    add_matrix_entry(m, "two", 1, 1, 0.001);
    add_matrix_entry(m, "two", 2, 1, 0.0005);
    add_matrix_entry(m, "two", 2, 2, 0.002);
    m.add("PerLengthSequenceImpedance", "sequence",
          {{"PerLengthSequenceImpedance.r", "0.0003"},
           {"PerLengthSequenceImpedance.x", "0.0006"},
           {"PerLengthSequenceImpedance.bch", "3e-9"},
           {"PerLengthSequenceImpedance.gch", "0"},
           {"PerLengthSequenceImpedance.r0", "0.0009"},
           {"PerLengthSequenceImpedance.x0", "0.0018"},
           {"PerLengthSequenceImpedance.b0ch", "6e-9"},
           {"PerLengthSequenceImpedance.g0ch", "0"}});
    auto const line = [&](char const* id, std::vector<CimModel::Property> properties, char const* from,
                          char const* to) {
        add_equipment(m, "ACLineSegment", id, "kv4", std::move(properties), {from, to});
    };
    line("l1", {{"Conductor.length", "200"}, {"ACLineSegment.PerLengthImpedance", ">three"}}, "feed", "n1");
    add_line_phases(m, "l1", {"A", "B", "C"});
    m.set("l1_T1", "ACDCTerminal.OperationalLimitSet", ">amps");
    line("l2", {{"Conductor.length", "100"}, {"ACLineSegment.PerLengthImpedance", ">two"}}, "n1", "n2");
    add_line_phases(m, "l2", {"C", "B"});
    line("l3", {{"Conductor.length", "1000"}, {"ACLineSegment.PerLengthImpedance", ">sequence"}}, "n1", "n5");
    line("l4",
         {{"Conductor.length", "1"},
          {"ACLineSegment.r", "0.01"},
          {"ACLineSegment.x", "0.02"},
          {"ACLineSegment.bch", "0"},
          {"ACLineSegment.r0", "0.04"},
          {"ACLineSegment.x0", "0.05"},
          {"ACLineSegment.b0ch", "0"}},
         "n5", "n6");
}

/// n1 -> n3 phase A closed; n5 -> n7 three phases open.
void add_switches(CimModel& m) {
    for (auto const* node : {"n3", "n7"}) add_node(m, node);
    add_equipment(m, "LoadBreakSwitch", "sw1", "kv4",
                  {{"Switch.open", "False"},
                   {"Switch.normalOpen", "False"},
                   {"Switch.retained", "True"},
                   {"Switch.ratedCurrent", "400.0"},
                   {"ProtectedSwitch.breakingCapacity", "500"}},
                  {"n1", "n3"});
    m.add("SwitchPhase", "sw1_A",
          {{"SwitchPhase.Switch", ">sw1"},
           {"SwitchPhase.closed", "true"},
           {"SwitchPhase.phaseSide1", "~SinglePhaseKind.A"},
           {"SwitchPhase.phaseSide2", "~SinglePhaseKind.A"}});
    add_equipment(m, "Recloser", "tie", "kv4", {{"Switch.open", "true"}, {"Switch.normalOpen", "true"}}, {"n5", "n7"});
}

void add_end_info(CimModel& m, std::string const& info, int number, std::vector<CimModel::Property> properties) {
    properties.push_back({"TransformerEndInfo.TransformerTankInfo", ">" + info});
    properties.push_back({"TransformerEndInfo.endNumber", std::to_string(number)});
    properties.push_back({"TransformerEndInfo.connectionKind", "~WindingConnection.I"});
    m.add("TransformerEndInfo", info + "_" + std::to_string(number), std::move(properties));
}

void add_test(CimModel& m, std::string const& info, int energised, int grounded, char const* z, char const* loss_kw) {
    m.add("ShortCircuitTest", info + "_test" + std::to_string(energised) + std::to_string(grounded),
          {{"ShortCircuitTest.EnergisedEnd", ">" + info + "_" + std::to_string(energised)},
           {"ShortCircuitTest.GroundedEnds", ">" + info + "_" + std::to_string(grounded)},
           {"ShortCircuitTest.leakageImpedance", z},
           {"ShortCircuitTest.loss", loss_kw},
           {"TransformerTest.basePower", "25000"}});
}

void add_tank(CimModel& m, std::string const& id, std::string const& transformer, std::string const& info) {
    m.add("TransformerTank", id,
          {{"TransformerTank.PowerTransformer", ">" + transformer},
           {"TransformerTank.TransformerTankInfo", ">" + info},
           {"Equipment.EquipmentContainer", ">feeder"}});
}

void add_tank_end(CimModel& m, std::string const& tank, int number, std::string const& phases,
                  std::string const& terminal, std::string const& base_voltage) {
    m.add("TransformerTankEnd", tank + "_End_" + std::to_string(number),
          {{"TransformerTankEnd.TransformerTank", ">" + tank},
           {"TransformerEnd.endNumber", std::to_string(number)},
           {"TransformerTankEnd.orderedPhases", "~OrderedPhaseCodeKind." + phases},
           {"TransformerEnd.grounded", "true"},
           {"TransformerEnd.Terminal", ">" + terminal},
           {"TransformerEnd.BaseVoltage", ">" + base_voltage}});
}

/// n3 -> n4: regulator on phase A. The figures are those of any 2.4 kV unit of 2 MVA with 0.01 %.
void add_regulator(CimModel& m) {
    add_node(m, "n4");
    add_equipment(m, "PowerTransformer", "regulator", "", {}, {"n3", "n4"});
    m.add("TransformerTankInfo", "regulator type", {});
    for (int end : {1, 2})
        add_end_info(m, "regulator type", end,
                     {{"TransformerEndInfo.ratedU", "2400"},
                      {"TransformerEndInfo.ratedS", "2000000"},
                      {"TransformerEndInfo.r", "0.0001"},
                      {"TransformerEndInfo.phaseAngleClock", "0"}});
    add_test(m, "regulator type", 1, 2, "0.00028", "0.01");
    m.set("regulator type_test12", "TransformerTest.basePower", "2000000");
    add_tank(m, "regulator a", "regulator", "regulator type");
    add_tank_end(m, "regulator a", 1, "AN", "regulator_T1", "kv4");
    add_tank_end(m, "regulator a", 2, "AN", "regulator_T2", "kv4");
    m.add("RatioTapChanger", "tap",
          {{"RatioTapChanger.TransformerEnd", ">regulator a_End_2"},
           {"RatioTapChanger.stepVoltageIncrement", "0.625"},
           {"TapChanger.step", "-3.0"},
           {"TapChanger.neutralStep", "0"},
           {"TapChanger.normalStep", "0"},
           {"TapChanger.lowStep", "-16"},
           {"TapChanger.highStep", "16"},
           {"TapChanger.neutralU", "2400"},
           {"TapChanger.ltcFlag", "true"},
           {"TapChanger.controlEnabled", "True"},
           {"TapChanger.initialDelay", "15"},
           {"TapChanger.subsequentDelay", "2"},
           {"TapChanger.ptRatio", "20"},
           {"TapChanger.ctRating", "700"},
           {"TapChanger.ctRatio", "3500"},
           {"TapChanger.TapChangerControl", ">tap control"}});
    m.add("TapChangerControl", "tap control",
          {{"RegulatingControl.mode", "~RegulatingControlModeKind.voltage"},
           {"RegulatingControl.monitoredPhase", "~PhaseCode.A"},
           {"RegulatingControl.Terminal", ">regulator_T2"},
           {"RegulatingControl.targetValue", "122"},
           {"RegulatingControl.targetDeadband", "2"},
           {"RegulatingControl.enabled", "true"},
           {"TapChangerControl.lineDropCompensation", "True"},
           {"TapChangerControl.lineDropR", "3"},
           {"TapChangerControl.lineDropX", "7.5"},
           {"TapChangerControl.minLimitVoltage", "108"},
           {"TapChangerControl.maxLimitVoltage", "132"}});
}

/// n1 -> sec: centre-tapped service transformer on phase A with the 25 kVA data of docs/cim100.md section 7.2;
/// sec -> house: triplex.
void add_service(CimModel& m) {
    for (auto const* node : {"sec", "house"}) add_node(m, node);
    add_equipment(m, "PowerTransformer", "service", "", {}, {"n1", "sec", "sec"});
    m.set("service", "Equipment.SubSchedulingArea", ">area.0.0");
    m.add("TransformerTankInfo", "ct25", {});
    auto const end = [&](int number, char const* volts, char const* r, char const* clock) {
        add_end_info(m, "ct25", number,
                     {{"TransformerEndInfo.ratedU", volts},
                      {"TransformerEndInfo.ratedS", "25000"},
                      {"TransformerEndInfo.emergencyS", "37500"},
                      {"TransformerEndInfo.r", r},
                      {"TransformerEndInfo.phaseAngleClock", clock}});
    };
    end(1, "2400", "1.3824", "0");
    end(2, "120", "0.006912", "0");
    end(3, "120", "0.006912", "6");
    add_test(m, "ct25", 1, 2, "6.2682351", "0.45");
    add_test(m, "ct25", 1, 3, "6.2682351", "0.45");
    add_test(m, "ct25", 2, 3, "0.015889538", "0.6");
    m.add("NoLoadTest", "ct25_no_load",
          {{"NoLoadTest.EnergisedEnd", ">ct25_1"},
           {"NoLoadTest.excitingCurrent", "0.53851648"},
           {"NoLoadTest.loss", "0.05"},
           {"TransformerTest.basePower", "25000"}});
    add_tank(m, "service tank", "service", "ct25");
    add_tank_end(m, "service tank", 1, "AN", "service_T1", "kv4");
    add_tank_end(m, "service tank", 2, "s1N", "service_T2", "v208");
    add_tank_end(m, "service tank", 3, "Ns2", "service_T3", "v208");
    add_equipment(m, "ACLineSegment", "triplex", "v208",
                  {{"Conductor.length", "30"}, {"ACLineSegment.PerLengthImpedance", ">two"}}, {"sec", "house"});
    add_line_phases(m, "triplex", {"s1", "s2"});
}

/// house: load and PV on both legs; n2: load between B and C; n6: three-phase load.
void add_loads(CimModel& m) {
    m.add("LoadResponseCharacteristic", "mixed",
          {{"LoadResponseCharacteristic.exponentModel", "False"},
           {"LoadResponseCharacteristic.pConstantImpedance", "50"},
           {"LoadResponseCharacteristic.pConstantCurrent", "30"},
           {"LoadResponseCharacteristic.pConstantPower", "20"},
           {"LoadResponseCharacteristic.qConstantImpedance", "100"},
           {"LoadResponseCharacteristic.qConstantCurrent", "0"},
           {"LoadResponseCharacteristic.qConstantPower", "0"},
           {"LoadResponseCharacteristic.pVoltageExponent", "0"},
           {"LoadResponseCharacteristic.qVoltageExponent", "0"}});
    auto const load = [&](char const* id, char const* base, char const* node, char const* p, char const* q,
                          char const* kind) {
        add_equipment(m, "EnergyConsumer", id, base,
                      {{"EnergyConsumer.p", p},
                       {"EnergyConsumer.q", q},
                       {"EnergyConsumer.phaseConnection", std::string{"~PhaseShuntConnectionKind."} + kind},
                       {"EnergyConsumer.grounded", *kind == 'Y' ? "True" : "False"},
                       {"EnergyConsumer.customerCount", "4.0"},
                       {"EnergyConsumer.LoadResponse", ">mixed"}},
                      {node});
    };
    auto const phase = [&](std::string const& owner, std::string const& letter, char const* p, char const* q) {
        m.add("EnergyConsumerPhase", owner + "_" + letter,
              {{"EnergyConsumerPhase.EnergyConsumer", ">" + owner},
               {"EnergyConsumerPhase.phase", "~SinglePhaseKind." + letter},
               {"EnergyConsumerPhase.p", p},
               {"EnergyConsumerPhase.q", q}});
    };
    load("house load", "v208", "house", "6000", "1500", "Y");
    phase("house load", "s1", "2000", "500");
    phase("house load", "s2", "4000", "1000");
    load("delta load", "kv4", "n2", "50000", "25000", "D");
    phase("delta load", "B", "50000", "25000");
    load("motor", "kv4", "n6", "90000", "30000.0", "D");
}

void add_inverters(CimModel& m) {
    auto const connection = [&](char const* id, char const* node, char const* p, char const* volts) {
        add_equipment(m, "PowerElectronicsConnection", id, "",
                      {{"PowerElectronicsConnection.p", p},
                       {"PowerElectronicsConnection.q", "0"},
                       {"PowerElectronicsConnection.ratedS", "6000"},
                       {"PowerElectronicsConnection.ratedU", volts},
                       {"PowerElectronicsConnection.minQ", "-1500"},
                       {"PowerElectronicsConnection.maxQ", "1500"},
                       {"PowerElectronicsConnection.maxIFault", "1.1"},
                       {"PowerElectronicsConnection.controlMode", "~ConverterControlModeKind.constantPowerFactor"}},
                      {node});
    };
    connection("roof inverter", "house", "5000", "208");
    for (auto const* leg : {"s1", "s2"})
        m.add("PowerElectronicsConnectionPhase", std::string{"roof inverter_"} + leg,
              {{"PowerElectronicsConnectionPhase.PowerElectronicsConnection", ">roof inverter"},
               {"PowerElectronicsConnectionPhase.phase", std::string{"~SinglePhaseKind."} + leg},
               {"PowerElectronicsConnectionPhase.p", "2500"},
               {"PowerElectronicsConnectionPhase.q", "0"}});
    m.add("PhotovoltaicUnit", "roof",
          {{"PowerElectronicsUnit.PowerElectronicsConnection", ">roof inverter"},
           {"PowerElectronicsUnit.maxP", "5000"},
           {"PowerElectronicsUnit.minP", "50"},
           {"Equipment.SubSchedulingArea", ">area.0.0"}});
    connection("battery inverter", "n5", "-3000", "4160");
    m.add("BatteryUnit", "battery",
          {{"PowerElectronicsUnit.PowerElectronicsConnection", ">battery inverter"},
           {"PowerElectronicsUnit.maxP", "3000"},
           {"PowerElectronicsUnit.minP", "-3000"},
           {"BatteryUnit.ratedE", "10000"},
           {"BatteryUnit.storedE", "4000"},
           {"BatteryUnit.batteryState", "~BatteryStateKind.charging"}});
    add_equipment(m, "SynchronousMachine", "diesel", "kv4",
                  {{"RotatingMachine.p", "100000"},
                   {"RotatingMachine.q", "-20000"},
                   {"RotatingMachine.ratedS", "250000"},
                   {"RotatingMachine.ratedU", "4160"}},
                  {"n6"});
}

void add_capacitors(CimModel& m) {
    auto const capacitor = [&](char const* id, char const* node, char const* volts, char const* b) {
        add_equipment(m, "LinearShuntCompensator", id, "kv4",
                      {{"LinearShuntCompensator.bPerSection", b},
                       {"LinearShuntCompensator.gPerSection", "0"},
                       {"ShuntCompensator.nomU", volts},
                       {"ShuntCompensator.sections", "1.0"},
                       {"ShuntCompensator.normalSections", "1"},
                       {"ShuntCompensator.maximumSections", "1"},
                       {"ShuntCompensator.phaseConnection", "~PhaseShuntConnectionKind.Y"},
                       {"ShuntCompensator.grounded", "True"},
                       {"ShuntCompensator.aVRDelay", "100"}},
                      {node});
    };
    capacitor("bank", "n5", "4160", "0.034670858");
    capacitor("can", "n2", "2402", "0.008666106");
    m.add("LinearShuntCompensatorPhase", "can_C",
          {{"ShuntCompensatorPhase.ShuntCompensator", ">can"},
           {"ShuntCompensatorPhase.phase", "~SinglePhaseKind.C"},
           {"ShuntCompensatorPhase.sections", "1"},
           {"LinearShuntCompensatorPhase.bPerSection", "0.008666106"}});
    m.add("RegulatingControl", "bank control",
          {{"RegulatingControl.mode", "~RegulatingControlModeKind.reactivePower"},
           {"RegulatingControl.monitoredPhase", "~PhaseCode.B"},
           {"RegulatingControl.Terminal", ">l3_T1"},
           {"RegulatingControl.targetValue", "-37500"},
           {"RegulatingControl.targetDeadband", "-375000"},
           {"RegulatingControl.enabled", "true"}});
    m.set("bank", "RegulatingCondEq.RegulatingControl", ">bank control");
}

void add_measurements(CimModel& m) {
    auto const measurement = [&](char const* class_name, char const* id, char const* type, char const* phases,
                                 char const* resource, char const* terminal) {
        m.add(class_name, id,
              {{"Measurement.measurementType", type},
               {"Measurement.phases", std::string{"~PhaseCode."} + phases},
               {"Measurement.PowerSystemResource", std::string{">"} + resource},
               {"Measurement.Terminal", std::string{">"} + terminal}});
    };
    measurement("Analog", "house volts", "PNV", "s1", "house load", "house load_T1");
    measurement("Analog", "roof power", "VA", "s2", "roof inverter", "roof inverter_T1");
    measurement("Analog", "charge", "SoC", "none", "battery inverter", "battery inverter_T1");
    measurement("Analog", "line amps", "A", "C", "l2", "l2_T2");
    measurement("Discrete", "tap position", "Pos", "A", "regulator", "regulator_T2");
    measurement("Analog", "frequency", "Hz", "none", "source", "source_T1");
}

void add_places(CimModel& m) {
    auto const point = [&](std::string const& location, int number, char const* x, char const* y) {
        m.add("PositionPoint", location + std::to_string(number),
              {{"PositionPoint.Location", ">" + location},
               {"PositionPoint.sequenceNumber", std::to_string(number)},
               {"PositionPoint.xPosition", x},
               {"PositionPoint.yPosition", y}});
    };
    m.add("Location", "along l1", {});
    point("along l1", 1, "10", "20");
    point("along l1", 2, "30.5", "-40");
    m.set("l1", "PowerSystemResource.Location", ">along l1");
    m.add("Location", "nowhere", {});
    point("nowhere", 1, "0", "0");
    point("nowhere", 2, "0", "0");
    m.set("triplex", "PowerSystemResource.Location", ">nowhere");
}

}  // namespace

CimModel small_model() {
    CimModel m;
    add_frame(m);
    add_substation(m);
    add_lines(m);
    add_switches(m);
    add_regulator(m);
    add_service(m);
    add_loads(m);
    add_inverters(m);
    add_capacitors(m);
    add_measurements(m);
    add_places(m);
    return m;
}

}  // namespace dec::test
