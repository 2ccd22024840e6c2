/// The same network said in different ways is the same feeder.
#include <catch2/catch.hpp>

#include "dec/feeder/feeder.hpp"
#include "dec/io/cim.hpp"
#include "small_cim.hpp"

namespace {

using namespace dec;

feeder::Feeder read(test::CimModel const& model, test::Spelling spelling = test::Spelling::urn_uuid) {
    return io::parse_cim_xml(model.xml(spelling), "small.xml").feeder;
}

void check_same(feeder::Feeder const& a, feeder::Feeder const& b) {
    auto const differences = feeder::differences(a, b);
    for (auto const& line : differences) UNSCOPED_INFO(line);
    CHECK(differences.empty());
}

struct Ends {
    char const* attribute;
    char const* inverse;
};

}  // namespace

TEST_CASE("an association may be stored at either end", "[io][cim]") {
    auto const [attribute, inverse] = GENERATE(values<Ends>({
        {"Feeder.NormalEnergizingSubstation", "Substation.NormalEnergizedFeeder"},
        {"Substation.Region", "SubGeographicalRegion.Substations"},
        {"SubGeographicalRegion.Region", "GeographicalRegion.Regions"},
        {"FeederArea.Feeder", "Feeder.FeederArea"},
        {"SwitchArea.FeederArea", "FeederArea.SwitchAreas"},
        {"SecondaryArea.SwitchArea", "SwitchArea.SecondaryAreas"},
        {"Equipment.SubSchedulingArea", "SubSchedulingArea.Equipments"},
        {"Equipment.EquipmentContainer", "EquipmentContainer.Equipments"},
        {"ConnectivityNode.ConnectivityNodeContainer", "ConnectivityNodeContainer.ConnectivityNodes"},
        {"Terminal.ConductingEquipment", "ConductingEquipment.Terminals"},
        {"Terminal.ConnectivityNode", "ConnectivityNode.Terminals"},
        {"ConductingEquipment.BaseVoltage", "BaseVoltage.ConductingEquipment"},
        {"ACLineSegment.PerLengthImpedance", "PerLengthImpedance.ACLineSegments"},
        {"ACLineSegmentPhase.ACLineSegment", "ACLineSegment.ACLineSegmentPhases"},
        {"PhaseImpedanceData.PhaseImpedance", "PerLengthPhaseImpedance.PhaseImpedanceData"},
        {"SwitchPhase.Switch", "Switch.SwitchPhase"},
        {"PowerTransformerEnd.PowerTransformer", "PowerTransformer.PowerTransformerEnd"},
        {"TransformerTank.PowerTransformer", "PowerTransformer.TransformerTanks"},
        {"TransformerTankEnd.TransformerTank", "TransformerTank.TransformerTankEnds"},
        {"TransformerTank.TransformerTankInfo", "TransformerTankInfo.TransformerTanks"},
        {"TransformerEndInfo.TransformerTankInfo", "TransformerTankInfo.TransformerEndInfos"},
        {"TransformerEnd.Terminal", "Terminal.TransformerEnd"},
        {"TransformerEnd.BaseVoltage", "BaseVoltage.TransformerEnds"},
        {"TransformerEnd.CoreAdmittance", "TransformerCoreAdmittance.TransformerEnd"},
        {"TransformerMeshImpedance.FromTransformerEnd", "TransformerEnd.FromMeshImpedance"},
        {"TransformerMeshImpedance.ToTransformerEnd", "TransformerEnd.ToMeshImpedance"},
        {"ShortCircuitTest.EnergisedEnd", "TransformerEndInfo.EnergisedEndShortCircuitTests"},
        {"ShortCircuitTest.GroundedEnds", "TransformerEndInfo.GroundedEndShortCircuitTests"},
        {"NoLoadTest.EnergisedEnd", "TransformerEndInfo.EnergisedEndNoLoadTests"},
        {"RatioTapChanger.TransformerEnd", "TransformerEnd.RatioTapChanger"},
        {"TapChanger.TapChangerControl", "TapChangerControl.TapChanger"},
        {"RegulatingControl.Terminal", "Terminal.RegulatingControl"},
        {"RegulatingCondEq.RegulatingControl", "RegulatingControl.RegulatingCondEq"},
        {"EnergyConsumerPhase.EnergyConsumer", "EnergyConsumer.EnergyConsumerPhase"},
        {"EnergyConsumer.LoadResponse", "LoadResponseCharacteristic.EnergyConsumer"},
        {"ShuntCompensatorPhase.ShuntCompensator", "ShuntCompensator.ShuntCompensatorPhase"},
        {"PowerElectronicsConnectionPhase.PowerElectronicsConnection",
         "PowerElectronicsConnection.PowerElectronicsConnectionPhases"},
        {"PowerElectronicsUnit.PowerElectronicsConnection", "PowerElectronicsConnection.PowerElectronicsUnit"},
        {"ACDCTerminal.OperationalLimitSet", "OperationalLimitSet.Terminal"},
        {"OperationalLimit.OperationalLimitSet", "OperationalLimitSet.OperationalLimitValue"},
        {"OperationalLimit.OperationalLimitType", "OperationalLimitType.OperationalLimit"},
        {"Measurement.PowerSystemResource", "PowerSystemResource.Measurements"},
        {"Measurement.Terminal", "ACDCTerminal.Measurements"},
        {"PowerSystemResource.Location", "Location.PowerSystemResources"},
        {"PositionPoint.Location", "Location.PositionPoints"},
    }));
    auto model = test::small_model();
    CAPTURE(attribute, inverse);

    auto const turned = model.turn(attribute, inverse);

    REQUIRE(turned > 0);
    check_same(read(model), read(test::small_model()));
}

TEST_CASE("identifiers may be UUID names or older XML identifiers", "[io][cim]") {
    check_same(read(test::small_model(), test::Spelling::rdf_id), read(test::small_model()));
}

TEST_CASE("the mRID is what the file says, else the identifier without its prefix", "[io][cim]") {
    auto underscored = test::small_model();
    underscored.set("l1", "IdentifiedObject.mRID", "_l1");
    auto without = test::small_model();
    REQUIRE(without.remove_attribute("IdentifiedObject.mRID") > 0);
    auto const mrid_of_first_line = [](feeder::Feeder const& f) {
        return std::string{f.lines.mrid(*f.lines.ids().begin())};
    };

    CHECK(mrid_of_first_line(read(underscored, test::Spelling::rdf_id)) == "_l1");
    check_same(read(without, test::Spelling::rdf_id), read(test::small_model()));
    CHECK(mrid_of_first_line(read(without, test::Spelling::rdf_id)) == "l1");
    CHECK(mrid_of_first_line(read(without)) == "l1");
}

TEST_CASE("the order of nodes and of their properties means nothing", "[io][cim]") {
    auto model = test::small_model();
    model.reverse_order();

    check_same(read(model), read(test::small_model()));
}

TEST_CASE("numbers may be written in any of the usual ways", "[io][cim]") {
    auto model = test::small_model();
    model.set("l1", "Conductor.length", " 2E2\n");
    model.set("kv4", "BaseVoltage.nominalVoltage", "+4160.0");
    model.set("l1_A", "ACLineSegmentPhase.sequenceNumber", "1.0");
    model.set("sw1", "Switch.open", "FALSE");

    check_same(read(model), read(test::small_model()));
}
