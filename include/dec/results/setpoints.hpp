/// \file setpoints.hpp
/// One row per DER in CSV (RFC 4180): what it may export, in the feeder's order.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/output_file.hpp"

namespace dec::results {

struct Setpoint {
    std::int64_t row = 0;  ///< place in the feeder's order
    std::string name, mrid, bus;
    double available_kw = 0.0, allowed_kw = 0.0;
    double share = 0.0;        ///< curtailed share of what is available (alpha)
    std::string binding_node;  ///< "bus.phase" whose voltage limit binds, or "line l12.A" whose rating does; else empty
    /// What it injects, and in the file; NaN where reactive power is not asked for.
    double reactive_kvar = std::numeric_limits<double>::quiet_NaN();
    double file_reactive_kvar = std::numeric_limits<double>::quiet_NaN();
};

/// The header of the table, and its lines in the order given. Of a fleet the first column is `feeder`.
/// \param reactive with the column `q_kvar`.
[[nodiscard]] std::string setpoints_header(bool reactive, bool of_fleet);
[[nodiscard]] std::string setpoints_lines(std::vector<Setpoint> const& rows, bool reactive,
                                          std::string const* feeder = nullptr);
/// All rows in the feeder's order on the root, none elsewhere. Collective.
[[nodiscard]] std::vector<Setpoint> gather_setpoints(core::Communicator const& comm, std::vector<Setpoint> const& own);

/// For each limit that binds anybody the DER that gives up the largest share because of it (of equal shares the most kW, then the
/// feeder's order); of these the `count` with the largest shares. On the root, none elsewhere. Collective.
[[nodiscard]] std::vector<Setpoint> most_curtailed(core::Communicator const& comm, std::vector<Setpoint> const& own,
                                                   std::size_t count);

/// Header `name,mrid,bus,available_kw,allowed_kw,share,binding_node`, where reactive power is decided also `q_kvar`; numbers with 17 significant digits at most,
/// the shortest that read back the same. Gathered on the root, written beside the target and renamed. Collective.
/// \throws core::SystemFailure on all ranks alike.
/// \return on the root the file, which appears under its name when it is committed; null on other ranks.
[[nodiscard]] std::unique_ptr<core::OutputFile> write_setpoints(core::Communicator const& comm, std::string const& path,
                                                                std::vector<Setpoint> const& own);

}  // namespace dec::results
