/// \file messages.hpp
/// Setpoints as CIM difference messages (GridAPPS-D): one JSON file per agent with DERs, all its DERs in one message.
/// Their form is described in docs/messages.md.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "dec/core/communicator.hpp"
#include "dec/core/json.hpp"
#include "dec/partition/piece.hpp"
#include "dec/results/setpoints.hpp"

namespace dec::results {

/// Which mRID a message names a DER by.
enum class MessageId : std::uint8_t {
    unit,        ///< of the PhotovoltaicUnit, by which the platform's bridge knows it
    connection,  ///< of the PowerElectronicsConnection
};

struct MessageSettings {
    std::string folder;
    std::int64_t timestamp = 0;  ///< Unix seconds, UTC; read on the root
};

/// What one DER is told. Injection positive, total of all phases.
struct Order {
    std::int64_t row = 0;        ///< of the DER in the feeder's order
    std::int64_t agent_row = 0;  ///< of its agent in the feeder's order
    std::string agent;           ///< name of the agent
    std::string object;          ///< mRID
    double available_kw = 0.0, allowed_kw = 0.0;
    /// Of which the message speaks unless they are NaN.
    double file_reactive_kvar = std::numeric_limits<double>::quiet_NaN();
    double reactive_kvar = std::numeric_limits<double>::quiet_NaN();
};

/// This rank's orders. \pre `own` are the setpoints of the piece's DERs, in its order.
[[nodiscard]] std::vector<Order> orders(partition::Piece const& piece, std::vector<Setpoint> const& own, MessageId id);

/// Every rank's orders on the root, by agent and DER in the feeder's order; none elsewhere. Collective.
[[nodiscard]] std::vector<Order> gather_orders(core::Communicator const& comm, std::vector<Order> const& own);

/// What a simulation takes as its input: before (`available_kw`) and after (`allowed_kw`) of every order. The same orders of the same
/// sender at the same time have the same identity.
[[nodiscard]] core::Json difference_message(std::span<Order const> orders, std::int64_t timestamp,
                                            std::string const& sender);

/// File names for agents, in their order, all different whether or not the file system minds case: characters other
/// than A-Z a-z 0-9 . _ - become '_', as does a leading '.'; at most 120 are kept; what is taken gets "-2", "-3", …
[[nodiscard]] std::vector<std::string> message_file_names(std::vector<std::string> const& agents);

/// Folders for the messages of the feeders of a fleet, by the same rule without the ending.
[[nodiscard]] std::vector<std::string> message_folders(std::vector<std::string> const& feeders);

/// Finds out before a long computation that messages could be written to `folder`, which need not exist; leaves nothing
/// behind. Collective. \throws core::SystemFailure on all ranks alike.
void require_message_folder(core::Communicator const& comm, std::string const& folder);

/// Writes the messages, each file beside its target and renamed, and makes the folder if it is absent. Powers are
/// rounded to a milliwatt, so that the last digits of a float do not tell the number of ranks. Gathered and written on
/// the root. Collective. \return how many messages there are, on the root; 0 elsewhere.
/// \throws core::SystemFailure on all ranks alike.
std::int64_t write_messages(core::Communicator const& comm, MessageSettings const& settings,
                            std::vector<Order> const& own);

}  // namespace dec::results
