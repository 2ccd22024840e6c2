/// \file cim_associations.hpp
/// Associations of CIM100 that are followed, whichever end a file or a store keeps them at. One list for all readers.
#pragma once

#include <string_view>

namespace dec::io::cim {

/// An association of CIM seen from one end. A file may store it at this end (`here`), at the other (`there`) or at both.
struct Association {
    std::string_view here;
    std::string_view there;
};

/// The same seen from the other end.
[[nodiscard]] constexpr Association reversed(Association association) { return {association.there, association.here}; }

namespace link {

// The feeder and what it is part of
inline constexpr Association substation_of_feeder{"Feeder.NormalEnergizingSubstation",
                                                  "Substation.NormalEnergizedFeeder"};
inline constexpr Association region_of_substation{"Substation.Region", "SubGeographicalRegion.Substations"};
inline constexpr Association region_of_subregion{"SubGeographicalRegion.Region", "GeographicalRegion.Regions"};

// Areas
inline constexpr Association feeder_of_area{"FeederArea.Feeder", "Feeder.FeederArea"};
inline constexpr Association feeder_area_of_area{"SwitchArea.FeederArea", "FeederArea.SwitchAreas"};
inline constexpr Association switch_area_of_area{"SecondaryArea.SwitchArea", "SwitchArea.SecondaryAreas"};
inline constexpr Association area_of_equipment{"Equipment.SubSchedulingArea", "SubSchedulingArea.Equipments"};

// Equipment, its terminals, the nodes they are at, and their limits
inline constexpr Association container_of_equipment{"Equipment.EquipmentContainer", "EquipmentContainer.Equipments"};
inline constexpr Association container_of_node{"ConnectivityNode.ConnectivityNodeContainer",
                                               "ConnectivityNodeContainer.ConnectivityNodes"};
inline constexpr Association terminals_of_equipment{"ConductingEquipment.Terminals", "Terminal.ConductingEquipment"};
inline constexpr Association equipment_of_terminal = reversed(terminals_of_equipment);
inline constexpr Association node_of_terminal{"Terminal.ConnectivityNode", "ConnectivityNode.Terminals"};
inline constexpr Association voltage_of_equipment{"ConductingEquipment.BaseVoltage", "BaseVoltage.ConductingEquipment"};
inline constexpr Association limit_sets_of_terminal{"ACDCTerminal.OperationalLimitSet", "OperationalLimitSet.Terminal"};
inline constexpr Association limits_of_set{"OperationalLimitSet.OperationalLimitValue",
                                           "OperationalLimit.OperationalLimitSet"};
inline constexpr Association type_of_limit{"OperationalLimit.OperationalLimitType",
                                           "OperationalLimitType.OperationalLimit"};

// Lines and switches
inline constexpr Association impedance_of_line{"ACLineSegment.PerLengthImpedance", "PerLengthImpedance.ACLineSegments"};
inline constexpr Association phases_of_line{"ACLineSegment.ACLineSegmentPhases", "ACLineSegmentPhase.ACLineSegment"};
inline constexpr Association entries_of_code{"PerLengthPhaseImpedance.PhaseImpedanceData",
                                             "PhaseImpedanceData.PhaseImpedance"};
inline constexpr Association spacing_of_line{"ACLineSegment.WireSpacingInfo", "WireSpacingInfo.ACLineSegments"};
inline constexpr Association wire_of_phase{"ACLineSegmentPhase.WireInfo", "WireInfo.ACLineSegmentPhases"};
inline constexpr Association positions_of_spacing{"WireSpacingInfo.WirePositions", "WirePosition.WireSpacingInfo"};
inline constexpr Association phases_of_switch{"Switch.SwitchPhase", "SwitchPhase.Switch"};

// Transformers
inline constexpr Association ends_of_transformer{"PowerTransformer.PowerTransformerEnd",
                                                 "PowerTransformerEnd.PowerTransformer"};
inline constexpr Association tanks_of_transformer{"PowerTransformer.TransformerTanks",
                                                  "TransformerTank.PowerTransformer"};
inline constexpr Association transformer_of_tank = reversed(tanks_of_transformer);
inline constexpr Association ends_of_tank{"TransformerTank.TransformerTankEnds", "TransformerTankEnd.TransformerTank"};
inline constexpr Association terminal_of_end{"TransformerEnd.Terminal", "Terminal.TransformerEnd"};
inline constexpr Association voltage_of_end{"TransformerEnd.BaseVoltage", "BaseVoltage.TransformerEnds"};
inline constexpr Association meshes_from{"TransformerEnd.FromMeshImpedance",
                                         "TransformerMeshImpedance.FromTransformerEnd"};
inline constexpr Association ends_to{"TransformerMeshImpedance.ToTransformerEnd", "TransformerEnd.ToMeshImpedance"};
inline constexpr Association star_of_end{"TransformerEnd.StarImpedance", "TransformerStarImpedance.TransformerEnd"};
inline constexpr Association core_of_end{"TransformerEnd.CoreAdmittance", "TransformerCoreAdmittance.TransformerEnd"};
inline constexpr Association info_of_tank{"TransformerTank.TransformerTankInfo",
                                          "TransformerTankInfo.TransformerTanks"};
inline constexpr Association info_of_transformer{"PowerTransformer.PowerTransformerInfo",
                                                 "PowerTransformerInfo.PowerTransformers"};
inline constexpr Association tank_infos_of_info{"PowerTransformerInfo.TransformerTankInfos",
                                                "TransformerTankInfo.PowerTransformerInfo"};
inline constexpr Association end_infos_of_info{"TransformerTankInfo.TransformerEndInfos",
                                               "TransformerEndInfo.TransformerTankInfo"};
inline constexpr Association tests_energising{"TransformerEndInfo.EnergisedEndShortCircuitTests",
                                              "ShortCircuitTest.EnergisedEnd"};
inline constexpr Association ends_grounded{"ShortCircuitTest.GroundedEnds",
                                           "TransformerEndInfo.GroundedEndShortCircuitTests"};
inline constexpr Association no_load_tests{"TransformerEndInfo.EnergisedEndNoLoadTests", "NoLoadTest.EnergisedEnd"};

// Controls
inline constexpr Association end_of_tap_changer{"RatioTapChanger.TransformerEnd", "TransformerEnd.RatioTapChanger"};
inline constexpr Association control_of_tap_changer{"TapChanger.TapChangerControl", "TapChangerControl.TapChanger"};
inline constexpr Association control_of_capacitor{"RegulatingCondEq.RegulatingControl",
                                                  "RegulatingControl.RegulatingCondEq"};
inline constexpr Association terminal_of_control{"RegulatingControl.Terminal", "Terminal.RegulatingControl"};

// What hangs on one bus
inline constexpr Association phases_of_load{"EnergyConsumer.EnergyConsumerPhase", "EnergyConsumerPhase.EnergyConsumer"};
inline constexpr Association response_of_load{"EnergyConsumer.LoadResponse",
                                              "LoadResponseCharacteristic.EnergyConsumer"};
inline constexpr Association phases_of_capacitor{"ShuntCompensator.ShuntCompensatorPhase",
                                                 "ShuntCompensatorPhase.ShuntCompensator"};
inline constexpr Association phases_of_inverter{"PowerElectronicsConnection.PowerElectronicsConnectionPhases",
                                                "PowerElectronicsConnectionPhase.PowerElectronicsConnection"};
inline constexpr Association units_of_inverter{"PowerElectronicsConnection.PowerElectronicsUnit",
                                               "PowerElectronicsUnit.PowerElectronicsConnection"};
inline constexpr Association inverter_of_unit = reversed(units_of_inverter);
inline constexpr Association phases_of_machine{"SynchronousMachine.SynchronousMachinePhase",
                                               "SynchronousMachinePhase.SynchronousMachine"};

// Measurements, places, datasheets
inline constexpr Association resource_of_measurement{"Measurement.PowerSystemResource",
                                                     "PowerSystemResource.Measurements"};
inline constexpr Association terminal_of_measurement{"Measurement.Terminal", "ACDCTerminal.Measurements"};
inline constexpr Association location_of_resource{"PowerSystemResource.Location", "Location.PowerSystemResources"};
inline constexpr Association points_of_location{"Location.PositionPoints", "PositionPoint.Location"};
inline constexpr Association assets_of_resource{"PowerSystemResource.Assets", "Asset.PowerSystemResources"};
inline constexpr Association datasheet_of_asset{"Asset.AssetInfo", "AssetInfo.Assets"};
inline constexpr Association datasheet_of_resource{"PowerSystemResource.AssetDatasheet",
                                                   "AssetInfo.PowerSystemResources"};

}  // namespace link

}  // namespace dec::io::cim
