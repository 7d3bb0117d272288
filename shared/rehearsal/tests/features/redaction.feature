Feature: Redaction
  What `governance.redact` takes out, and where it stands then.

  Scenario: Sensitive data is taken out of a text
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - clean: {call: 'governance.redact:1.0.0@default', with: {text: '${ .body }'}}
    output: {as: '${ {text: .text, kinds: [.findings[].kind]} }'}
    """
    And given the workflow input is:
    """yaml
    body: ada@example.org paid with 4111 1111 1111 1111
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    text: '[EMAIL_1] paid with [CREDIT_CARD_1]'
    kinds: [EMAIL, CREDIT_CARD]
    """

  Scenario: Sensitive data is taken out of JSON at any depth, and the same is the same
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - clean: {call: 'governance.redact:1.0.0@default', with: {json: '${ . }'}, output: {as: .json}}
    """
    And given the workflow input is:
    """yaml
    from: ada@example.org
    thread: [{by: ada@example.org, said: hello}, {by: bob@example.org, password: swordfish99}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    from: '[EMAIL_1]'
    thread: [{by: '[EMAIL_1]', said: hello}, {by: '[EMAIL_2]', password: '[PASSWORD_1]'}]
    """

  Scenario: A policy leaves what it does not take
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - clean: {call: 'governance.redact:1.0.0@default', with: {text: 'ada@example.org: password = swordfish99', policy: secrets}}
    output: {as: '.text'}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    'ada@example.org: password = [PASSWORD_1]'
    """

  Scenario: A policy that does not exist is an error that can be caught
    Given a workflow with definition:
    """yaml
    document: {dsl: '1.0.3', namespace: own, name: test, version: '1.0.0'}
    do:
      - careful:
          try:
            - clean: {call: 'governance.redact:1.0.0@default', with: {text: x, policy: '${ "some" }'}}
          catch:
            errors: {with: {type: 'https://open-workflow-specification.org/spec/1.0.0/errors/configuration'}}
            do: [note: {set: {status: caught}}]
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    status: caught
    """
