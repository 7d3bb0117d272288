Feature: Flow
  Branches, loops, waits and limits.

  Scenario: All branches are waited for, in their order
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - all:
          fork:
            branches:
              - slow: {do: [pause: {wait: PT5S}, one: {set: {x: 1}}]}
              - fast: {set: {x: 2}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [{x: 1}, {x: 2}]
    """
    And the run should take about PT5S
    And fast should run before one

  Scenario: A competitor that fails does not win
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - race:
          fork:
            compete: true
            branches:
              - broken: {raise: {error: {type: 'https://example.com/broken', status: 500}}}
              - slow: {do: [pause: {wait: PT2S}, win: {set: {won: slow}}]}
              - slower: {do: [wait: {wait: PT9S}, lose: {set: {won: slower}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    won: slow
    """
    And slower should cancel
    And the run should take about PT2S

  Scenario: A race fails when all fail
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - race:
          fork:
            compete: true
            branches:
              - first: {raise: {error: {type: 'https://example.com/first', status: 500}}}
              - second: {do: [pause: {wait: PT1S}, fail: {raise: {error: {type: 'https://example.com/second', status: 500}}}]}
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://example.com/second
    """

  Scenario: A branch that fails ends the others
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try:
            - all:
                fork:
                  branches:
                    - long: {wait: PT1H}
                    - broken: {do: [pause: {wait: PT1S}, fail: {raise: {error: {type: 'https://example.com/broken', status: 500}}}]}
          catch: {do: [caught: {set: {caught: true}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    caught: true
    """
    And long should cancel
    And the run should take about PT1S

  Scenario: A loop ends when its condition does not hold any more
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - loop:
          for: {each: one, in: .all, at: place}
          while: $one < 3
          do: [add: {set: {sum: '${ (.sum // 0) + $one }', place: '${ $place }'}}]
    """
    And given the workflow input is:
    """yaml
    all: [1, 2, 3, 1]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    sum: 3
    place: 1
    """
    And add should run 2 times

  Scenario: A parallel loop keeps to its limit and to the order
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - loop:
          for: {each: one, in: .all}
          do: [pause: {wait: '${ "PT\($one)S" }'}, keep: {set: '${ $one * 10 }'}]
          metadata: {neptune: {parallel: 2}}
    """
    And given the workflow input is:
    """yaml
    all: [3, 1, 1, 2]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [30, 10, 10, 20]
    """
    And the run should take about PT4S

  Scenario: A parallel loop collects errors if it is told so
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - loop:
          for: {each: one, in: .all}
          do:
            - odd: {if: $one == 2, raise: {error: {type: 'https://example.com/odd', status: 500}}}
            - keep: {set: {one: '${ $one }'}}
          metadata: {neptune: {parallel: 10, onError: collect}}
          output: {as: 'map(.one // .error.status)'}
    """
    And given the workflow input is:
    """yaml
    all: [1, 2, 3]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    [1, 500, 3]
    """

  Scenario: A parallel loop over a thousand items ends
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - loop:
          for: {each: one, in: '[range(1000)]'}
          do: [keep: {set: '${ $one }'}]
          metadata: {neptune: {parallel: 50}}
          output: {as: add}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    499500
    """
    And keep should run 1000 times

  Scenario: Over what is no list there is no loop
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do: [loop: {for: {in: .none}, do: [never: {set: {x: 1}}]}]
    """
    When the workflow is executed
    Then the workflow should fault saying 'not a list' '// []'

  Scenario: A task that takes too long is an error
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [long: {wait: PT1H, timeout: {after: PT3S}}]
          catch: {errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/timeout', status: 408}}, do: [late: {set: {late: true}}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    late: true
    """
    And the run should take about PT3S

  Scenario: A call that takes too long is given up
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - attempt:
          try: [long: {call: http, with: {method: get, endpoint: 'https://service.test/slow/too-long/60000'}, timeout: {after: {milliseconds: 300}}}]
          catch: {do: [late: {set: '${ {status: $error.status} }'}]}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: 408
    """
    And the run should take under PT20S

  Scenario: A run that takes too long is ended
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    timeout: {after: {minutes: 1}}
    do: [long: {wait: PT1H}]
    """
    When the workflow is executed
    Then the workflow should time out
    And the run should take about PT1M
    And long should cancel

  Scenario: Exit leaves the list and end the workflow
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - inner:
          do:
            - leave: {set: {at: left}, then: exit}
            - never: {set: {at: never}}
      - also: {do: [stop: {set: {at: '${ .at + " and stopped" }'}, then: end}]}
      - after: {set: {at: after}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    at: left and stopped
    """
    And never should not run
    And after should not run

  Scenario: Extensions do tasks before and after others
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use:
      extensions:
        - around:
            extend: set
            when: $task.name != "second"
            before: [look: {set: {ignored: true}}]
            after: [tell: {emit: {event: {with: {type: done, data: {x: '${ .x }'}}}}}]
    do:
      - first: {set: {x: '${ .x + 1 }'}}
      - second: {set: {x: '${ .x + 1 }'}}
    """
    And given the workflow input is:
    """yaml
    x: 1
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    x: 3
    """
    And look should run 1 times
    And tell should run 1 times
    And an event of type done should be emitted

  Scenario: An extension answers in place of a task
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    use:
      extensions:
        - mock:
            extend: call
            when: $task.with.endpoint.uri | startswith("https://mocked")
            before: [answer: {set: {mocked: true}, then: exit}]
    do:
      - ask: {call: http, with: {method: get, endpoint: {uri: 'https://mocked.test/x'}}, output: {as: '. + {shaped: true}'}}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    mocked: true
    shaped: true
    """
