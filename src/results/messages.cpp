#include "dec/results/messages.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <span>
#include <system_error>
#include <tuple>

#include "dec/core/archive.hpp"
#include "dec/core/error.hpp"
#include "dec/core/json.hpp"
#include "dec/core/output_file.hpp"
#include "dec/core/uuid.hpp"

namespace dec::results {

namespace fs = std::filesystem;

namespace {

/// The fields of an order in the order of the message; `archive` packs or unpacks.
template <class Archive, class Row>
void exchange(Archive& archive, Row& order) {
    for (auto* number : {&order.row, &order.agent_row}) archive(*number);
    for (auto* text : {&order.agent, &order.object}) archive(*text);
    for (auto* number : {&order.available_kw, &order.allowed_kw, &order.file_reactive_kvar, &order.reactive_kvar})
        archive(*number);
}

/// W or var, to a thousandth; never -0.
double watts(double kw) {
    constexpr double per_kw = 1e6;  // mW
    return std::round(kw * per_kw) / 1000.0 + 0.0;
}

core::Json difference(std::string const& object, std::string_view attribute, double kilo) {
    return {{"object", object},
            {"attribute", fmt::format("PowerElectronicsConnection.{}", attribute)},
            {"value", watts(kilo)}};
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

std::string plain(std::string const& agent) {
    constexpr std::size_t longest = 120;
    std::string name;
    for (char const c : agent) {
        bool const inside_a_character = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;  // of UTF-8
        if (!inside_a_character) name += is_plain(c) ? c : '_';
    }
    if (name.empty()) name = "unnamed";
    if (name.front() == '.') name.front() = '_';
    return name.substr(0, longest);
}

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
}

/// A folder that is there, with those above it; what had to be made for it goes again unless it is kept.
class Folder {
  public:
    explicit Folder(std::string const& name) : name_{name} {
        if (name.empty()) fail("this names no folder");
        std::error_code error;
        for (auto path = fs::absolute(name).lexically_normal(); !fs::exists(path, error); path = path.parent_path())
            if (path.has_filename()) missing_.push_back(path);
        fs::create_directories(name, error);
        auto const reason = error ? error.message() : fs::is_directory(name) ? std::string{} : "this is a file";
        if (reason.empty()) return;
        remove();
        fail(reason);
    }
    Folder(Folder const&) = delete;
    Folder& operator=(Folder const&) = delete;
    ~Folder() { remove(); }

    void keep() { missing_.clear(); }

  private:
    void remove() const {
        std::error_code ignored;
        for (auto const& path : missing_)  // the innermost first
            if (fs::is_directory(fs::symlink_status(path, ignored))) fs::remove(path, ignored);
    }
    [[noreturn]] void fail(std::string const& reason) const {
        throw core::SystemFailure{
            {name_, {}, "no messages can be written there: " + reason, "name another folder for --messages"}};
    }

    std::string name_;
    std::vector<fs::path> missing_;
};

}  // namespace

std::vector<Order> orders(partition::Piece const& piece, std::vector<Setpoint> const& own, MessageId id) {
    std::vector<Order> result;
    for (auto pv : piece.feeder.pv_systems.ids()) {
        auto const& point = own[pv.at()];
        auto const agent = static_cast<std::size_t>(piece.agent_of_bus[piece.feeder.pv_systems[pv].inverter.bus.at()]);
        result.push_back(
            {.row = point.row,
             .agent_row = piece.agent_row[agent],
             .agent = std::string{piece.agents.name(core::Index<partition::Agent>{agent})},
             .object = id == MessageId::unit ? point.mrid : std::string{piece.feeder.pv_connection_mrids[pv.at()]},
             .available_kw = point.available_kw,
             .allowed_kw = point.allowed_kw,
             .file_reactive_kvar = point.file_reactive_kvar,
             .reactive_kvar = point.reactive_kvar});
    }
    return result;
}

std::vector<Order> gather_orders(core::Communicator const& comm, std::vector<Order> const& own) {
    core::Packer packer;
    for (auto const& order : own) exchange(packer, order);
    std::vector<Order> all;
    for (auto const& bytes : comm.gather(packer.take())) {
        core::Unpacker unpacker{bytes};
        while (!unpacker.exhausted()) exchange(unpacker, all.emplace_back());
    }
    std::ranges::sort(all, {}, [](Order const& order) { return std::tuple{order.agent_row, order.row}; });
    return all;
}

core::Json difference_message(std::span<Order const> orders, std::int64_t timestamp, std::string const& sender) {
    auto reverse = core::Json::array();
    auto forward = core::Json::array();
    for (auto const& order : orders) {
        reverse.push_back(difference(order.object, "p", order.available_kw));
        forward.push_back(difference(order.object, "p", order.allowed_kw));
        if (std::isnan(order.reactive_kvar)) continue;
        reverse.push_back(difference(order.object, "q", order.file_reactive_kvar));
        forward.push_back(difference(order.object, "q", order.reactive_kvar));
    }
    // The same orders at the same time are the same message, whoever computes them.
    auto const mrid = core::seeded_uuid(fmt::format("{} {} {} {}", sender, timestamp, reverse.dump(), forward.dump()));
    return {{"command", "update"},
            {"input",
             {{"message",
               {{"timestamp", timestamp},
                {"difference_mrid", mrid},
                {"reverse_differences", std::move(reverse)},
                {"forward_differences", std::move(forward)}}}}}};
}

std::vector<std::string> message_folders(std::vector<std::string> const& feeders) {
    std::set<std::string> taken;
    std::vector<std::string> names;
    for (auto const& feeder : feeders) {
        auto const first = plain(feeder);
        auto name = first;
        for (int count = 2; !taken.insert(lower(name)).second; ++count) name = fmt::format("{}-{}", first, count);
        names.push_back(std::move(name));
    }
    return names;
}

std::vector<std::string> message_file_names(std::vector<std::string> const& agents) {
    auto names = message_folders(agents);
    for (auto& name : names) name += ".json";
    return names;
}

void require_message_folder(core::Communicator const& comm, std::string const& folder) {
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        Folder const folder_there{folder};
        core::OutputFile{(fs::path{folder} / ".dec").string()};
    });
}

std::int64_t write_messages(core::Communicator const& comm, MessageSettings const& settings,
                            std::vector<Order> const& own) {
    auto const all = gather_orders(comm, own);
    std::vector<std::span<Order const>> per_agent;
    std::vector<std::string> agents;
    for (auto first = all.begin(); first != all.end();) {
        auto const last =
            std::find_if(first, all.end(), [&](Order const& order) { return order.agent_row != first->agent_row; });
        per_agent.emplace_back(first, last);
        agents.push_back(first->agent);
        first = last;
    }
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        Folder{settings.folder}.keep();
        auto const names = message_file_names(agents);
        for (std::size_t a = 0; a < names.size(); ++a)
            core::write_file((fs::path{settings.folder} / names[a]).string(),
                             difference_message(per_agent[a], settings.timestamp, agents[a]).dump(2) + "\n");
    });
    return static_cast<std::int64_t>(per_agent.size());
}

}  // namespace dec::results
