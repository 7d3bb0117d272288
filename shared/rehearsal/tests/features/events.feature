Feature: Events
  Tasks that listen.

  Scenario: One event is waited for
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [hear: {listen: {to: {one: {with: {type: order.placed}}}}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: order.lost
    data: {n: 1}
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: order.placed
    data: {n: 2}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{n: 2}]
    """
    And the run should take about PT2S

  Scenario: An event that came early is heard
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [pause: {wait: PT5S}, hear: {listen: {to: {one: {with: {type: order.placed}}}, read: envelope}, output: {as: '.[0] | {type, n: .data.n}'}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: order.placed
    data: {n: 1}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    type: order.placed
    n: 1
    """
    And the run should take about PT5S

  Scenario: Any of several events is enough
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [hear: {listen: {to: {any: [{with: {type: hot, data: '${ .degrees > 38 }'}}, {with: {type: cold}}]}}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: hot
    data: {degrees: 37}
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: hot
    data: {degrees: 39}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{degrees: 39}]
    """

  Scenario: All of several events are waited for, each once
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [hear: {listen: {to: {all: [{with: {type: left}}, {with: {type: 'right\..*'}}]}}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: left
    data: 1
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: left
    data: 2
    """
    And an event is sent after PT3S:
    """yaml
    id: '1'
    source: https://example.com
    type: right.arm
    data: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 3]
    """
    And the run should take about PT3S

  Scenario: Events are heard until a condition holds
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [hear: {listen: {to: {any: [], until: 'length >= 3'}}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: a
    data: 1
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: b
    data: 2
    """
    And an event is sent after PT3S:
    """yaml
    id: '1'
    source: https://example.com
    type: c
    data: 3
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 2, 3]
    """

  Scenario: Events are heard until another comes
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [hear: {listen: {to: {any: [{with: {type: reading}}], until: {one: {with: {type: done}}}}}}]
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: reading
    data: 1
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: reading
    data: 2
    """
    And an event is sent after PT3S:
    """yaml
    id: '1'
    source: https://example.com
    type: done
    data: 0
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 2]
    """

  Scenario: Tasks are done with each event in its order
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - hear:
          listen: {to: {any: [{with: {type: reading}}], until: 'length >= 2'}}
          foreach:
            item: reading
            at: place
            do: [pause: {wait: PT10S}, keep: {set: {value: '${ $reading * 10 + $place }'}}]
            output: {as: .value}
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: reading
    data: 1
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: reading
    data: 2
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [10, 21]
    """
    And the run should take about PT21S

  Scenario: Events must agree where they correlate
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - hear:
          listen:
            to:
              all:
                - {with: {type: warm}, correlate: {room: {from: .data.room}}}
                - {with: {type: wet}, correlate: {room: {from: .data.room}}}
          output: {as: 'map(.value)'}
    """
    And an event is sent after PT1S:
    """yaml
    id: '1'
    source: https://example.com
    type: warm
    data: {room: 1, value: 20}
    """
    And an event is sent after PT2S:
    """yaml
    id: '1'
    source: https://example.com
    type: wet
    data: {room: 2, value: 30}
    """
    And an event is sent after PT3S:
    """yaml
    id: '1'
    source: https://example.com
    type: wet
    data: {room: 1, value: 40}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [20, 40]
    """

  Scenario: Nobody is listened to for ever
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [hear: {listen: {to: {one: {with: {type: never}}}}, timeout: {after: PT1M}}]
          catch: {do: [late: {set: {late: true}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: true
    """
    And the run should take about PT1M

  Scenario: An event is emitted with what it needs
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [tell: {emit: {event: {with: {type: order.placed, data: {n: '${ .n }'}}}}}]
    """
    And given the workflow input is:
    """yaml
    n: 1
    """
    When the workflow is executed
    Then the workflow output should have properties 'id', 'time', 'specversion', 'datacontenttype'
    And the workflow output should have a 'source' property with value:
    """yaml
    /own/test/1.0.0
    """
    And an event of type order.placed should be emitted
