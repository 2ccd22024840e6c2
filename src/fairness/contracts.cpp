#include "dec/fairness/contracts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <map>

#include "dec/core/archive.hpp"
#include "dec/feeder/csv.hpp"

namespace dec::fairness {

namespace {

/// One line of the table.
struct Named {
    std::int64_t line = 0;
    std::string name;
    double weight_kw = -1.0;  // negative: none
    double floor_kw = 0.0;
    bool exempt = false;
    std::int64_t connected = no_date;
    static constexpr std::int64_t no_date = std::numeric_limits<std::int64_t>::min();

    template <class Archive>
    void pack(Archive& archive) {
        archive(line);
        archive(name);
        archive(weight_kw);
        archive(floor_kw);
        archive(exempt);
        archive(connected);
    }
};

/// Days since 1970-01-01 of YYYY-MM-DD; nothing for anything else.
std::optional<std::int64_t> day(std::string_view text) {
    auto const part = [&](std::size_t begin, std::size_t length) {
        int value = -1;
        auto const* const end = text.data() + begin + length;
        auto const [stop, error] = std::from_chars(text.data() + begin, end, value);
        return error == std::errc{} && stop == end ? value : -1;
    };
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
    int const year = part(0, 4), month = part(5, 2), of_month = part(8, 2);
    if (year < 0 || month < 0 || of_month < 0) return std::nullopt;
    std::chrono::year_month_day const date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(of_month)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date}.time_since_epoch().count();
}

std::vector<Named> read(std::string const& path) {
    constexpr double most_kw = 1e9;
    std::vector<core::Finding> findings;
    feeder::CsvTable const table{path, {"name"}, findings, {"weight", "guaranteed_kw", "exempt", "connected"}};
    std::vector<Named> all;
    for (auto const& row : table.rows()) {
        auto& named = all.emplace_back();
        named.line = static_cast<std::int64_t>(row.line());
        named.name = row.text("name");
        if (!row.is_empty("weight")) named.weight_kw = row.positive("weight");
        if (!row.is_empty("guaranteed_kw")) named.floor_kw = row.number_within("guaranteed_kw", 0.0, most_kw);
        if (!row.is_empty("exempt")) named.exempt = row.one_of("exempt", {"no", "yes"}) == 1;
        if (row.is_empty("connected")) continue;
        auto const connected = day(row.text("connected"));
        if (connected) named.connected = *connected;
        else row.finding("connected", "is no date", "write it like 2019-06-30");
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    return all;
}

}  // namespace

std::vector<Contract> read_contracts(core::Communicator const& comm, std::string const& path,
                                     partition::Piece const& piece) {
    std::vector<char> bytes;
    core::together(comm, [&] {
        if (!comm.is_root()) return;
        core::Packer pack;
        for (auto& named : read(path)) named.pack(pack);
        bytes = pack.take();
    });
    comm.broadcast(bytes);
    std::vector<Named> all;
    core::Unpacker unpack{bytes};
    while (!unpack.exhausted()) all.emplace_back().pack(unpack);

    std::multimap<std::string_view, std::size_t> der;  // by name and by mRID
    for (auto id : piece.feeder.pv_systems.ids()) {
        der.emplace(piece.feeder.pv_systems.name(id), id.at());
        if (piece.feeder.pv_systems.mrid(id) != piece.feeder.pv_systems.name(id))
            der.emplace(piece.feeder.pv_systems.mrid(id), id.at());
    }
    std::vector<Contract> contracts(piece.feeder.pv_systems.size());
    std::vector<std::int64_t> line(contracts.size(), 0);
    std::vector<double> hits(all.size(), 0.0), before(all.size(), 0.0);  // `before`: line that names the same PV system
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto const& named = all[i];
        auto const [first, last] = der.equal_range(named.name);
        for (auto it = first; it != last; ++it) {
            auto const d = it->second;
            hits[i] += 1.0;
            if (line[d] != 0) before[i] = static_cast<double>(line[d]);
            line[d] = named.line;
            contracts[d] = {
                .weight_kw = named.weight_kw > 0.0 ? std::optional{named.weight_kw} : std::nullopt,
                .floor_kw = named.floor_kw,
                .exempt = named.exempt,
                .connected = named.connected != Named::no_date ? std::optional{named.connected} : std::nullopt};
        }
    }
    comm.sum(hits);
    comm.max(before);
    std::vector<core::Finding> findings;
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto const where = fmt::format("line {}, column name", all[i].line);
        if (hits[i] == 0.0)
            findings.push_back({path, where, fmt::format("\"{}\" is no PV system of the feeder", all[i].name),
                                "dec inspect lists them"});
        else if (hits[i] > 1.0)
            findings.push_back({path, where, fmt::format("{:.0f} PV systems are called \"{}\"", hits[i], all[i].name),
                                "give the mRID"});
        else if (before[i] > 0.0)
            findings.push_back({path, where,
                                fmt::format("\"{}\" is named in line {:.0f} already", all[i].name, before[i]),
                                "keep one"});
    }
    if (!findings.empty()) throw core::InvalidInput{std::move(findings)};
    return contracts;
}

void require_dates(core::Communicator const& comm, partition::Piece const& piece, std::span<double const> available_kw,
                   std::span<Contract const> contracts) {
    double missing = 0.0;
    std::string first;
    for (auto id : piece.feeder.pv_systems.ids()) {
        if (!(available_kw[id.at()] > 0.0) || (!contracts.empty() && contracts[id.at()].connected)) continue;
        if (missing == 0.0) first = piece.feeder.pv_systems.name(id);
        missing += 1.0;
    }
    double const all = comm.sum(missing);
    if (all == 0.0) return;
    core::together(comm, [&] {
        if (missing > 0.0)
            throw core::InvalidInput{
                core::Finding{piece.feeder.heading.origin, "pv " + first,
                              all > 1.0 ? fmt::format("and {:.0f} more have no date of connection", all - 1.0)
                                        : "has no date of connection",
                              "name all in the column connected of --contracts"}};
    });
}

}  // namespace dec::fairness
