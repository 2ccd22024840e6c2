// What ranks tell each other is counted.
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "dec/partition/tree_exchange.hpp"
#include "support/coordinated.hpp"
#include "support/random_feeder.hpp"

using namespace dec;

TEST_CASE("a sweep over the pieces is counted cut by cut and level by level", "[parallel][traffic]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const spread = test::distributed(comm, test::random_feeder({.seed = 7, .branches = 40}));
    auto const& piece = spread->piece;
    partition::TreeExchange exchange{comm, piece};
    constexpr std::size_t width = 3;
    std::vector<double> rows(width * piece.vertices.size(), 0.0);
    auto const before = comm.traffic();

    exchange.up(rows, width, [](partition::VertexRange) {});

    auto const told = comm.traffic() - before;
    CHECK(told.exchanges == piece.levels() - 1);
    CHECK(told.bytes == static_cast<std::int64_t>(piece.cuts_up.size() * width * sizeof(double)));
    CHECK(told.messages <= static_cast<std::int64_t>(piece.cuts_up.size()));
    CHECK((told.messages > 0) == !piece.cuts_up.empty());
    CHECK(told.collectives == 0);
    CHECK(told.seconds >= 0.0);
    CHECK(comm.sum(static_cast<std::int64_t>(piece.cuts_up.size())) == piece.summary.edge_cut);
}

TEST_CASE("copies of a communicator count together, others by themselves", "[parallel][traffic]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    auto const copy = comm;
    core::Communicator const other{MPI_COMM_WORLD};

    std::array values{1.0, 2.0};
    copy.sum(values);
    static_cast<void>(comm.max(1.0));

    CHECK(values[1] == 2.0 * comm.size());
    CHECK(comm.traffic().collectives == 2);
    CHECK(comm.traffic().collective_bytes == 3 * 8);
    CHECK(other.traffic().collectives == 0);
}

TEST_CASE("messages between ranks are counted where they are sent", "[parallel][traffic]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    std::vector<std::vector<char>> to_all(static_cast<std::size_t>(comm.size()), std::vector<char>(5, 'x'));

    auto const received = comm.all_to_all(to_all);

    CHECK(received.size() == to_all.size());
    CHECK(comm.traffic().messages == comm.size() - 1);
    CHECK(comm.traffic().bytes == 5 * (comm.size() - 1));
}

TEST_CASE("one rank's bytes reach all others, whoever it is", "[parallel][traffic]") {
    core::Communicator const comm{MPI_COMM_WORLD};
    for (int from = 0; from < comm.size(); ++from) {
        std::vector<char> bytes;
        if (comm.rank() == from) bytes.assign(static_cast<std::size_t>(from) + 3, static_cast<char>('a' + from));

        comm.broadcast(bytes, from);

        CHECK(bytes == std::vector<char>(static_cast<std::size_t>(from) + 3, static_cast<char>('a' + from)));
    }
}
