#include <catch2/catch.hpp>

#include "dec/core/uuid.hpp"

using namespace dec::core;

TEST_CASE("a seeded UUID is the SHA-1 of its seed, marked as version 4", "[core][uuid]") {
    // FIPS 180-4, example of one block: a9993e36 4706816a ba3e2571 7850c26c 9cd0d89d.
    CHECK(seeded_uuid("abc") == "a9993e36-4706-416a-ba3e-25717850c26c");
}

TEST_CASE("a name's UUID is the one other programs derive", "[core][uuid]") {
    // Python: uuid.uuid5(uuid.NAMESPACE_URL, "scope/name").
    CHECK(name_uuid("scope", "name") == "cd150140-0eef-5e79-be5b-f2496835037a");
}
