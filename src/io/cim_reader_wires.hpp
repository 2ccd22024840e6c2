/// \file cim_reader_wires.hpp
/// Line codes of lines that are described by their wires and where these hang or lie.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cim_context.hpp"
#include "dec/feeder/line_constants.hpp"

namespace dec::io::cim {

/// Calculates a code for every spacing with its wires, once however many lines are built so.
class WireCodes {
  public:
    explicit WireCodes(Context& context) : context_{context} {}

    /// The code of a line, whose rows are its phases in the order of their numbers. Invalid when the line names neither
    /// spacing nor wires, or when something about them is wrong (a finding).
    [[nodiscard]] core::Index<feeder::LineCode> code_of(ObjectId line);

  private:
    /// A conductor of a line in the order in which they are numbered.
    struct Use {
        std::int32_t number;
        bool is_neutral;
        ObjectId wire;
        auto operator<=>(Use const&) const = default;
    };
    using Construction = std::pair<ObjectId, std::vector<Use>>;  ///< spacing, wires

    [[nodiscard]] std::vector<Use> uses(ObjectId line, std::size_t& without_wire);
    [[nodiscard]] core::Index<feeder::LineCode> calculated(ObjectId line, Construction const& construction);
    [[nodiscard]] std::string unused_name(Construction const& construction);

    Context& context_;
    std::map<Construction, core::Index<feeder::LineCode>> codes_;
    std::set<std::string> names_;
    std::map<ObjectId, feeder::PlacedConductor> conductors_;  ///< by datasheet; not placed yet
};

}  // namespace dec::io::cim
