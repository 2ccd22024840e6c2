#include "dec/results/setpoints.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <tuple>

#include "dec/core/archive.hpp"
#include "dec/core/output_file.hpp"

namespace dec::results {

namespace {

/// The fields of a row in the order of the message; `archive` packs or unpacks.
template <class Archive, class Row>
void exchange(Archive& archive, Row& row) {
    archive(row.row);
    for (auto* text : {&row.name, &row.mrid, &row.bus, &row.binding_node}) archive(*text);
    for (auto* number : {&row.available_kw, &row.allowed_kw, &row.share, &row.reactive_kvar, &row.file_reactive_kvar})
        archive(*number);
}

/// In quotes where RFC 4180 asks for it.
std::string field(std::string const& text) {
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string quoted = "\"";
    for (char const c : text) quoted += c == '"' ? std::string{"\"\""} : std::string{c};
    return quoted + '"';
}

/// The shortest text that reads back the same; empty where there is no number.
std::string field(double number) { return std::isnan(number) ? std::string{} : fmt::format("{}", number); }

}  // namespace

std::string setpoints_header(bool reactive, bool of_fleet) {
    return fmt::format("{}name,mrid,bus,available_kw,allowed_kw,share,binding_node{}\n", of_fleet ? "feeder," : "",
                       reactive ? ",q_kvar" : "");
}

std::string setpoints_lines(std::vector<Setpoint> const& rows, bool reactive, std::string const* feeder) {
    auto const first = feeder == nullptr ? std::string{} : field(*feeder) + ",";
    std::string text;
    for (auto const& row : rows) {
        fmt::format_to(std::back_inserter(text), "{}{},{},{},{},{},{},{}", first, field(row.name), field(row.mrid),
                       field(row.bus), field(row.available_kw), field(row.allowed_kw), field(row.share),
                       field(row.binding_node));
        text += reactive ? "," + field(row.reactive_kvar) + "\n" : "\n";
    }
    return text;
}

std::vector<Setpoint> gather_setpoints(core::Communicator const& comm, std::vector<Setpoint> const& own) {
    core::Packer packer;
    for (auto const& row : own) exchange(packer, row);
    std::vector<Setpoint> all;
    for (auto const& bytes : comm.gather(packer.take())) {
        core::Unpacker unpacker{bytes};
        while (!unpacker.exhausted()) exchange(unpacker, all.emplace_back());
    }
    std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.row < b.row; });
    return all;
}

std::vector<Setpoint> most_curtailed(core::Communicator const& comm, std::vector<Setpoint> const& own,
                                     std::size_t count) {
    constexpr double nothing = 1e-6, same_share = 1e-6, same_kw = 1e-3;  // what is less is rounding
    auto const key = [](Setpoint const& row) {
        return std::tuple{-std::round(row.share / same_share), -std::round(row.share * row.available_kw / same_kw),
                          row.row};
    };
    auto const of_each_limit = [&](std::vector<Setpoint> const& rows) {
        std::map<std::string_view, Setpoint const*> first;
        for (auto const& row : rows) {
            if (row.share <= nothing) continue;
            auto& best = first.try_emplace(row.binding_node, &row).first->second;
            if (key(row) < key(*best)) best = &row;
        }
        std::vector<Setpoint> most;
        for (auto const& [limit, row] : first) most.push_back(*row);
        std::ranges::sort(most, {}, key);
        return most;
    };
    auto all = of_each_limit(gather_setpoints(comm, of_each_limit(own)));
    all.resize(std::min(count, all.size()));
    return all;
}

std::unique_ptr<core::OutputFile> write_setpoints(core::Communicator const& comm, std::string const& path,
                                                  std::vector<Setpoint> const& own) {
    auto const all = gather_setpoints(comm, own);
    std::unique_ptr<core::OutputFile> file;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        file = std::make_unique<core::OutputFile>(path);
        bool const reactive = std::ranges::any_of(all, [](auto const& row) { return !std::isnan(row.reactive_kvar); });
        file->write(setpoints_header(reactive, false) + setpoints_lines(all, reactive));
    });
    return file;
}

}  // namespace dec::results
